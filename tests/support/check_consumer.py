#!/usr/bin/env python3
"""Installs the build into an empty folder, and builds and runs tests/consumer against that copy alone, with pkg-config:
what `meson install` gives must be all that a user needs.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import syntax


def run(*command, **variables):
    """Runs a command; when it fails its output is shown and the check ends."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **variables})
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}\nended with {done.returncode}")
    return done.stdout


with tempfile.TemporaryDirectory(prefix="ringmill-consumer-") as folder:
    root, project, build = (pathlib.Path(folder) / name for name in ("root", "project", "build"))
    run("meson", "install", "-C", syntax.BUILD, "--no-rebuild", "--destdir", root)
    shutil.copytree(syntax.ROOT / "tests" / "consumer", project)
    (pkg_config,) = root.rglob("ringmill.pc")
    libraries = pkg_config.parent.parent

    missing = [header for header in syntax.public_headers() if not list(root.rglob(f"ringmill/{header}"))]
    if missing:
        sys.exit(f"not installed: {', '.join(map(str, missing))}")

    # The copy is not where it was configured to be: the sysroot says so to pkg-config, the library path to the loader.
    run("meson", "setup", build, project, "--wrap-mode=nodownload",
        PKG_CONFIG_PATH=str(pkg_config.parent), PKG_CONFIG_SYSROOT_DIR=str(root))
    run("ninja", "-C", build)
    print(run(build / "consumer", LD_LIBRARY_PATH=str(libraries)), end="")
