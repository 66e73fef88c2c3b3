"""Reads a page as a browser without JavaScript does."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Tables by name, specs, headings, and everything that would be loaded from elsewhere."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tables, self.specs, self.sections, self.loaded, self.scripts = [], [], [], [], 0
        self.texts, self.heading, self.lists = [], "", {}
        self._list = self._in_heading = None
        self._table = self._row = self._cell = self._script = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._start_of_text(tag, given)
        self.loaded += [given[name] for name in ("src", "href") if name in given]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if tag == "section":
            self.sections.append(given["id"])
        elif tag == "div" and "data-name" in given:
            self._name = given["data-name"]
        elif tag == "table":
            self._table = {"name": getattr(self, "_name", ""), "fields": [], "header": [], "rows": []}
            self.tables.append(self._table)
            self._name = ""
        elif tag == "tr":
            self._row = []
        elif tag in ("th", "td") and self._table is not None:
            self._cell = {"text": "", **given}
        elif tag == "script":
            self._script = "data" if given.get("type") == "application/json" else "code"
            self.scripts += self._script == "code"

    def _start_of_text(self, tag, given):
        if tag == "ul":
            self._list = self.lists.setdefault(given.get("class", ""), [])
        elif tag == "li" and self._list is not None:
            self._list.append("")
        elif tag == "h1":
            self._in_heading = True

    def handle_endtag(self, tag):
        if tag in ("th", "td") and self._cell is not None:
            self._row.append(self._cell)
            self._cell = None
        elif tag == "tr":
            if self._row and self._row[0].get("scope") == "col":
                self._table["header"] = [cell["text"] for cell in self._row]
                self._table["fields"] = [cell.get("data-field") for cell in self._row]
            else:
                self._table["rows"].append(self._row)
        elif tag == "table":
            self._table = None
        elif tag == "ul":
            self._list = None
        elif tag == "h1":
            self._in_heading = False
        elif tag == "script":
            self._script = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell["text"] += data
        elif self._script == "data":
            self.specs.append(data)
        elif self._script is None:
            if self._in_heading:
                self.heading += data
            elif self._list:
                self._list[-1] += data
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def table(self, name):
        return next(table for table in self.tables if table["name"] == name)
