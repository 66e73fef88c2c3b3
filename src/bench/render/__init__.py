"""From templates to the statements of one engine. The only package that knows sqlglot and Jinja."""

from bench.render.renderer import AuditRow, Renderer

__all__ = ["AuditRow", "Renderer"]
