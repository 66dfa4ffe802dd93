from setuptools import setup
setup(name="mgm", version="0.1.0", packages=["mgm"], entry_points={"nbdev":["mgm=mgm._modidx:d"]})
