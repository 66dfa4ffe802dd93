"""Packaging of `mgm`: everything is read from settings.ini, so that it is written once."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
settings = ConfigParser(delimiters=["="], interpolation=None)
settings.read(here / "settings.ini", encoding="utf-8")
project = settings["DEFAULT"]

setup(
    name=project["lib_name"],
    version=project["version"],
    description=project["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=project["author"],
    author_email=project["author_email"],
    url=project["git_url"],
    license="Apache-2.0",
    keywords=project["keywords"],
    python_requires=f">={project['min_python']}",
    install_requires=project["requirements"].split(),
    extras_require={name: project[f"{name}_requirements"].split() for name in ("dask", "slurm", "search", "entsoe", "images", "thirdparty", "gym")},
    packages=find_packages(include=["mgm", "mgm.*"]),
    package_data={"mgm": ["published/*.csv", "datasets/*.csv", "datasets/*.md", "weights/*.safetensors", "weights/*.json", "weights/*.md"]},
    entry_points={"nbdev": [f"{project['lib_path']}={project['lib_path']}._modidx:d"]},
    zip_safe=False,
)
