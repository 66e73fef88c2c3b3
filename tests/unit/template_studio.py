"""A folder of templates over a small shop, and what becomes of them."""

from bench.backends.base import Capabilities
from bench.model import Column, LogicalType, Namespace, Table
from bench.render import Renderer
from bench.sampling import Constant
from bench.workload import Operation

BIGINT, TEXT = LogicalType(name="bigint"), LogicalType(name="text")
TYPES = {
    "order_id": BIGINT,
    "customer_id": BIGINT,
    "pieces": LogicalType(name="integer"),
    "total": LogicalType(name="decimal", precision=12, scale=2),
    "status": TEXT,
    "ordered_at": LogicalType(name="timestamp"),
    "due_on": LogicalType(name="date"),
}
ORDERS = Table(
    name="orders", columns=tuple(Column(name=name, type=type_, nullable=True) for name, type_ in TYPES.items())
)
CUSTOMERS = Table(name="customers", columns=(Column(name="customer_id", type=BIGINT), Column(name="name", type=TEXT)))
SHOP = (ORDERS, CUSTOMERS)


class Studio:
    """A folder of templates, and what becomes of them."""

    def __init__(self, root):
        self.root = root

    def write(self, name, text, folder="sql"):
        path = self.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def render(self, template, dialect="postgres", style="named", params=(), folders=("sql",), **settings):
        operation = Operation(name="q", template=template, params={name: Constant(value=1) for name in params})
        return self.renderer(dialect, style, folders, **settings).render_operation(operation)

    def renderer(self, dialect="postgres", style="named", folders=("sql",), **settings):
        return Renderer(
            **{
                "sql_dirs": tuple(self.root / folder for folder in folders),
                "tables": SHOP,
                "namespace": Namespace(schema="shop"),
                "capabilities": Capabilities(dialect=dialect, paramstyle=style),
            }
            | settings
        )

    def sql(self, text, dialect="postgres", style="named", params=(), **settings):
        """The texts of a template's statements."""
        self.write("w/q.sql.j2", text)
        rendered, _ = self.render("w/q.sql.j2", dialect, style, params, **settings)
        return [statement.sql for statement in rendered.statements]

    def statement(self, text, dialect="postgres", style="named", params=(), **settings):
        self.write("w/q.sql.j2", text)
        return self.render("w/q.sql.j2", dialect, style, params, **settings)[0].statements[0]
