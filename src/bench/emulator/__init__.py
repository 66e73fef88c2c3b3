"""An emulator of Snowflake's service, over HTTP on this machine."""
