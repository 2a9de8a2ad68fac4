"""Tables from and to CSV, Parquet and JSON-lines files, told apart by how their names end."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nmjax.errors import NmjaxError


def read_table(path: Path, texts: Iterable[str]) -> Any:
    """The Arrow table in a file, whose columns `texts` are read as they are written.

    Raises:
      NmjaxError: the file's name ends in something else, or it cannot be read.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet
    from pyarrow import json as json_lines

    _check_suffix(path)
    try:
        if path.suffix == ".csv":
            types = {name: pa.string() for name in texts}
            convert = csv.ConvertOptions(column_types=types, strings_can_be_null=False)
            return csv.read_csv(path, convert_options=convert)
        if path.suffix == ".jsonl":
            return json_lines.read_json(path)
        return parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise NmjaxError(f"{path} cannot be read as {path.suffix[1:]}: {error}") from error


def write_table(path: Path, table: Any) -> None:
    """Write an Arrow table; NaN becomes null in JSON lines.

    Raises:
      NmjaxError: the file's name ends in something else.
    """
    from pyarrow import csv, parquet

    _check_suffix(path)
    if path.suffix == ".csv":
        csv.write_csv(table, path)
    elif path.suffix == ".jsonl":
        with path.open("w") as file:
            file.writelines(map(_json_line, table.to_pylist()))
    else:
        parquet.write_table(table, path)


def _json_line(row: Mapping[str, Any]) -> str:
    told = {name: None if value != value else value for name, value in row.items()}  # NaN
    return json.dumps(told) + "\n"


def _check_suffix(path: Path) -> None:
    if path.suffix not in (".csv", ".parquet", ".jsonl"):
        raise NmjaxError(
            f"{path} ends in {path.suffix!r}, expected '.csv', '.parquet' or '.jsonl'."
        )
