"""Argument lists of one command in, as JSON on stdin; how each run ended out, as JSON. Runs in the
training environment: importing IceVision takes seconds, so one process does them all."""

import contextlib
import importlib
import io
import json
import sys
import traceback


def run(module: str, arguments: list[str]) -> dict[str, object]:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            importlib.import_module(module).main(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
            if isinstance(end.code, str):
                print(end.code, file=err)
        except Exception:
            code = 99
            traceback.print_exc(file=err)
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    runs = [run(module, arguments) for module, arguments in json.load(sys.stdin)]
    print("\n" + json.dumps(runs))
