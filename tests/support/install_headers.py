#!/usr/bin/env python3
"""Run by `meson install`: copies the headers as they are at that time, so that no list of them has to be kept.

The argument is the folder for headers below the prefix, which meson gives in MESON_INSTALL_DESTDIR_PREFIX.
"""
import os
import pathlib
import shutil
import sys

import syntax

target = pathlib.Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"]) / sys.argv[1] / "ringmill"
for layer in syntax.LAYERS:
    for header in sorted((syntax.ROOT / layer).rglob("*.hpp")):
        copy = target / header.relative_to(syntax.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(header, copy)
shutil.copyfile(syntax.ROOT / "include" / "ringmill" / "ringmill.hpp", target / "ringmill.hpp")
