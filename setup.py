"""What pyproject.toml can't say: that each build begins with nothing.

setuptools keeps what it has built in `build/lib`, and packs all that it finds there: files that
were removed since would be installed again, a migration among them.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build import build


class BuildAnew(build):
    def run(self) -> None:
        if Path(self.build_lib).exists():
            shutil.rmtree(self.build_lib)
        super().run()


setup(cmdclass={"build": BuildAnew})
