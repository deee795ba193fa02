"""The embedded book: an ERP as a folder of CSV and YAML files (design 4)."""

from klausel_book.reader import read_folder
from klausel_book.source import BookSource
from klausel_book.writer import write_folder

__all__ = ["BookSource", "read_folder", "write_folder"]
