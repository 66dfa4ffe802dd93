"""Entries of the API reference: signature, docstring, and a table of the parameters with their comments.

The library says what a parameter is in a comment beside it (docments). Here those comments become
a table, read from the exported source without importing it.
"""
import ast
import inspect
import io
import re
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

SHOW_DOC = re.compile(r"^show_doc\(([\w.]+)", re.MULTILINE)
DEFAULT_EXP = re.compile(r"^#\|\s*default_exp\s+(\S+)", re.MULTILINE)


@dataclass
class Parameter:
    """One parameter, or one field of a dataclass, as the source writes it."""

    name: str  # with its stars
    type: str = ""
    default: str = ""
    meaning: str = ""
    positional: bool = True


@dataclass
class Symbol:
    """A function, method, property or class of the library."""

    name: str  # within its module, such as `Run.steps`
    kind: str  # 'function', 'property' or 'class'
    text: str  # its docstring
    line: int  # where it starts
    parameters: list = field(default_factory=list)
    returns: Parameter | None = None
    file: str = ""  # the module's path within the repository


def exported_symbols(folder):
    """The public symbols of each module under `folder`: {'mgm.data': {'World': Symbol, …}, …}."""
    modules = {}
    for path in sorted(Path(folder).rglob("*.py")):
        name = ".".join(path.relative_to(Path(folder).parent).with_suffix("").parts)
        modules[name] = module_symbols(path.read_text(encoding="utf-8"))
        for symbol in modules[name].values():
            symbol.file = path.relative_to(Path(folder).parent).as_posix()
    return modules


def module_symbols(source):
    """The symbols that one module defines."""
    comments = {token.start[0]: token.string.lstrip("#").strip()
                for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == tokenize.COMMENT}
    reader, symbols = Reader(source.splitlines(), source, comments), {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            symbols[node.name] = reader.of_class(node, symbols)
            for child in node.body:
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and "setter" not in decorators(child):
                    symbols[f"{node.name}.{child.name}"] = reader.of_function(child, f"{node.name}.{child.name}")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = patched_name(node)
            symbols[name] = reader.of_function(node, name)
    return symbols


def patched_name(node):
    """The name of a function; a method's, if fastcore's `@patch` adds it to a class."""
    if "patch" in decorators(node) and node.args.args and node.args.args[0].annotation:
        owner = ast.unparse(node.args.args[0].annotation).strip("\"'")
        return f"{owner}.{node.name}"
    return node.name


def decorators(node):
    """The plain names of a definition's decorators, such as 'dataclass' or 'cached_property'."""
    return {ast.unparse(decorator).split("(")[0].split(".")[-1] for decorator in node.decorator_list}


@dataclass
class Reader:
    """Reads definitions of one module's source."""

    lines: list
    source: str
    comments: dict  # line → comment on it

    def of_class(self, node, symbols):
        """The symbol of a class; its parameters are the dataclass fields or those of `__init__`."""
        start = next((child for child in node.body if getattr(child, "name", "") == "__init__"), None)
        parameters = self.parameters(start) if start else self.fields(node, symbols)
        return Symbol(node.name, "class", ast.get_docstring(node) or "", node.lineno, parameters)

    def fields(self, node, symbols):
        """The fields of a dataclass, after those of its bases in the same module."""
        own = [self.field(child) for child in node.body if self.is_public_field(child)]
        own = own if "dataclass" in decorators(node) else []
        bases = [symbols[ast.unparse(base)] for base in node.bases if ast.unparse(base) in symbols]
        inherited = [parameter for base in bases for parameter in base.parameters]
        return [p for p in inherited if p.name not in {q.name for q in own}] + own

    def of_function(self, node, name):
        """The symbol of a function, method or property."""
        returns = None
        if node.returns:
            returns = Parameter("", self.annotation(node.returns), "", self.comments.get(node.returns.end_lineno, ""))
        kind = "property" if {"property", "cached_property"} & decorators(node) else "function"
        return Symbol(name, kind, ast.get_docstring(node) or "", node.lineno, self.parameters(node), returns)

    def is_public_field(self, node):
        """Whether a statement of a dataclass is a field that callers set."""
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            return False
        hidden = "ClassVar" in self.text(node.annotation) or "init=False" in self.text(node.value)
        return not hidden and not node.target.id.startswith("_")

    def field(self, node):
        """The parameter that a dataclass field makes; of `field(...)` only the default counts."""
        default = self.text(node.value)
        if isinstance(node.value, ast.Call) and ast.unparse(node.value.func).split(".")[-1] == "field":
            given = {keyword.arg: self.text(keyword.value) for keyword in node.value.keywords}
            default = given.get("default", f"{given['default_factory']}()" if "default_factory" in given else "")
        return Parameter(node.target.id, self.annotation(node.annotation), default, self.comment(node, []))

    def parameters(self, node):
        """The parameters of a function in order, without `self` and `cls`."""
        spec = node.args
        plain = spec.posonlyargs + spec.args
        defaults = [None] * (len(plain) - len(spec.defaults)) + spec.defaults
        found = [(arg, "", default, True) for arg, default in zip(plain, defaults)]
        found += [(spec.vararg, "*", None, True)] if spec.vararg else []
        found += [(arg, "", default, False) for arg, default in zip(spec.kwonlyargs, spec.kw_defaults)]
        found += [(spec.kwarg, "**", None, False)] if spec.kwarg else []
        if found and found[0][0].arg in ("self", "cls"):
            found = found[1:]
        others = [arg for arg, *_ in found] + ([node.returns] if node.returns else [])
        return [Parameter(stars + arg.arg, self.annotation(arg.annotation), self.text(default),
                          self.comment(arg, others, default), positional)
                for arg, stars, default, positional in found]

    def comment(self, node, others, default=None):
        """The comment beside a parameter, or in the lines right above it."""
        line = (default or node).end_lineno
        if any(other.lineno == line and other.col_offset > node.col_offset for other in others):
            return ""  # the comment of a line belongs to what stands last on it
        if line in self.comments:
            return self.comments[line]
        above, line = [], node.lineno - 1
        while line in self.comments and self.lines[line - 1].lstrip().startswith("#"):
            above.insert(0, self.comments[line])
            line -= 1
        return " ".join(above)

    def annotation(self, node):
        """A type as it is written, without the quotes of one that is not defined yet."""
        return self.text(node).strip("\"'")

    def text(self, node):
        """A piece of the source as it is written, on one line."""
        return " ".join((ast.get_source_segment(self.source, node) or "").split()) if node is not None else ""


def fill_entries(notebook, own, modules, repository):
    """Give each `show_doc` cell of `notebook` its entry as output, in place; returns the names that have one.

    The documented methods of a class follow its entry, unless they have a `show_doc` cell of their own.
    Symbols that the library does not define keep their saved output.
    """
    code_cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    cells = [(cell, found[1]) for cell in code_cells if (found := SHOW_DOC.search(cell["source"]))]
    asked, filled = {name for _, name in cells}, set()
    for cell, name in cells:
        module = next((m for m in [modules.get(own, {}), *modules.values()] if name in m), {})
        methods = [symbol for other, symbol in module.items()
                   if is_method(other, name) and symbol.text and other not in asked]
        symbols = [module[name], *methods] if module else []
        if symbols:
            text = "\n\n".join(entry(symbol, repository) for symbol in symbols)
            cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {"text/markdown": text}}]
            filled |= {symbol.name for symbol in symbols}
    return filled


def is_method(name, owner):
    """Whether `name` is a public method of the class `owner`."""
    return name.startswith(f"{owner}.") and not name.removeprefix(f"{owner}.").startswith("_")


def entry(symbol, repository):
    """The Markdown of one entry, with a link to the source in `repository`."""
    member = "." in symbol.name
    source = f"[source]({repository}{symbol.file}#L{symbol.line}){{.api-source}}"
    title = f"{'####' if member else '###'} {symbol.name} {{.api-name #{symbol.name.lower()}}}"
    called = symbol.kind == "function" or symbol.parameters
    call = f"```python\n{signature(symbol)}\n```" if called else ""
    parts = [source, title, call, inspect.cleandoc(symbol.text), parameter_table(symbol)]
    kind = ".api-entry .api-member" if member else ".api-entry"
    return f":::: {{{kind}}}\n" + "\n\n".join(part for part in parts if part) + "\n::::"


def signature(symbol):
    """The call as one line of code, without types: they stand in the table."""
    pieces, keywords = [], False
    for parameter in symbol.parameters:
        if not parameter.positional and not keywords and not parameter.name.startswith("**"):
            pieces += [] if any(p.name.startswith("*") and p.positional for p in symbol.parameters) else ["*"]
            keywords = True
        pieces.append(parameter.name + (f"={parameter.default}" if parameter.default else ""))
    return f"{symbol.name}({', '.join(pieces)})"


def parameter_table(symbol):
    """The parameters and the result as a Markdown table, with only the columns that say something."""
    result = symbol.returns
    if result and not result.meaning and result.type in ("", "None"):
        result = None
    if not symbol.parameters:
        return f"*Returns* {code(result.type)}" + (f": {result.meaning}" if result.meaning else "") if result else ""
    rows = [(f"`{p.name}`", code(p.type), code(p.default), p.meaning) for p in symbol.parameters]
    rows += [("*returns*", code(result.type), "", result.meaning)] if result else []
    heads = ("Parameter", "Type", "Default", "Meaning")
    used = [any(row[i] for row in rows) for i in range(4)]
    kept = [i for i in range(4) if i == 0 or used[i] or (i == 1 and used[2])]
    if len(kept) == 1:
        return ""
    table = [[heads[i] for i in kept], ["---"] * len(kept)]
    table += [[row[i].replace("|", r"\|") for i in kept] for row in rows]
    box = ".api-parameters .with-default" if used[2] else ".api-parameters"
    return f"::: {{{box}}}\n" + "\n".join("| " + " | ".join(row) + " |" for row in table) + "\n:::"


def code(text):
    """`text` as code; nothing stays nothing."""
    return f"`{text}`" if text else ""
