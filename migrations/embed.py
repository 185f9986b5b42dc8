#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a C table of struct chy_migration from files named NNNN_what.sql.

embed.py SYMBOL OUTPUT.c FILE.sql...    (holes in the numbers are left for the program to refuse)
"""
import os
import sys

symbol, output, files = sys.argv[1], sys.argv[2], sorted(sys.argv[3:], key=os.path.basename)
with open(output, "w", encoding="utf-8") as out:
    out.write("#include <chancery/extension.h>\n")
    out.write(f"extern const struct chy_migration {symbol}[];\n")
    out.write(f"const struct chy_migration {symbol}[] = {{\n")
    for path in files:
        number, what = os.path.basename(path)[: -len(".sql")].split("_", 1)
        with open(path, encoding="utf-8") as sql:
            text = sql.read()
        quoted = "\n".join(
            '"' + line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '\\n"'
            for line in text.splitlines()
        )
        out.write(f'{{.version = {int(number)}, .name = "{what}", .sql =\n{quoted}}},\n')
    out.write("{.sql = NULL}};\n")
