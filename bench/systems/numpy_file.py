"""A file of numpy.save on /dev/shm for each name, mapped by numpy.load; a namespace is a folder."""

import os
from shutil import rmtree  # noqa: F401  REMOVE does

import numpy as np

LABEL = "numpy file"
SETTINGS = "written under another name and renamed; mmap_mode='r'; an int is an array of no dimensions"
IMPORT = "import numpy"
PACKAGES = ["numpy"]

GET, PUT = "load(f'{d}/{k}').item()", "save(d, k, v)"
GET_ARRAY, PUT_ARRAY = "load(f'{d}/{k}', 'r')", "save(d, k, v)"
NAMES = "os.listdir(f'{d}/{k}')"
REMOVE = "rmtree(f'{d}/{k}')"
CANNOT = dict.fromkeys(["put_table", "get_table"], "a file holds an array, no table")

load = np.load


def save(d, k, v):
    new = f"{d}/.{os.getpid()}"
    with open(new, "wb") as file:
        np.save(file, v)
    os.rename(new, f"{d}/{k}")


def attach(folder):
    return folder


def fill_space(d, space, pairs):
    os.mkdir(f"{d}/{space}")
    for name, value in pairs:
        save(f"{d}/{space}", name, value)
