#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The text of C files as the lints look at it, one line of output a line (or literal) of C.

    ctext.py code FILE...      FILE:LINE:TEXT without comments; string contents emptied, includes kept
    ctext.py strings FILE...   FILE:LINE:LITERAL of every string literal outside #include lines
"""
import re
import sys

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[^\n]*', re.M)


def blank(text):
    return re.sub(r'[^\n]', ' ', text)


def code(text):
    includes = {m.start(): m.group() for m in INCLUDE.finditer(text)}

    def replace(m):
        if any(start <= m.start() < start + len(line) for start, line in includes.items()):
            return m.group()
        return blank(m.group()) if m.group()[0] == '/' else m.group()[0] * 2
    return TOKEN.sub(replace, text)


def strings(text):
    text = INCLUDE.sub(lambda m: blank(m.group()), text)
    for m in TOKEN.finditer(text):
        if m.group()[0] == '"':
            yield text.count('\n', 0, m.start()) + 1, m.group()


def main():
    mode, names = sys.argv[1], sys.argv[2:]
    for name in names:
        with open(name, encoding='utf-8') as f:
            text = f.read()
        if mode == 'code':
            for n, line in enumerate(code(text).split('\n'), 1):
                if line.strip():
                    print(f'{name}:{n}:{line.rstrip()}')
        else:
            for n, literal in strings(text):
                print(f'{name}:{n}:{literal}')


main()
