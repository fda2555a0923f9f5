"""Imports without garbage collection."""

from __future__ import annotations

import gc

import pytest

from trainer.commands.imports import large_imports


def test_nothing_is_collected_while_something_is_imported() -> None:
    with large_imports():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()


def test_a_failed_import_leaves_collection_on() -> None:
    with pytest.raises(ImportError), large_imports():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()
