"""Cutting matrices into physical arrays, and the rule of the complete sum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memramp.crossbar.tiling import PartialAdcConfig, TileConfig, tile_matrix
from memramp.errors import InputError


def test_without_a_size_the_matrix_is_one_array():
    tiling = tile_matrix((73, 128), TileConfig(), planes=2)
    assert tiling.blocks() == [(slice(0, 73), slice(0, 128))]
    assert (tiling.arrays, tiling.join, tiling.row_parts) == (1, "none", 1)


@given(
    rows=st.integers(1, 60),
    cols=st.integers(1, 60),
    tile_rows=st.integers(1, 70),
    tile_cols=st.integers(5, 70),
    planes=st.integers(1, 4),
    shared=st.integers(0, 1),
    separate=st.booleans(),
)
def test_every_device_lies_in_exactly_one_array_that_is_large_enough(
    rows, cols, tile_rows, tile_cols, planes, shared, separate
):
    config = TileConfig(rows=tile_rows, cols=tile_cols, tall="charge")
    tiling = tile_matrix((rows, cols), config, planes=planes, shared=shared, separate=separate)
    seen = np.zeros((rows, cols), int)
    for block in tiling.blocks():
        seen[block] += 1
        height, width = seen[block].shape
        assert 1 <= height <= tile_rows
        assert 1 <= width * (1 if separate else planes) + shared <= tile_cols
    assert (seen == 1).all()
    assert tiling.arrays == len(tiling.blocks()) * (planes if separate else 1)
    assert tiling.join == ("charge" if rows > tile_rows else "none")


def test_a_matrix_taller_than_an_array_is_refused_unless_the_configuration_says_how_to_join_it():
    with pytest.raises(InputError, match=r"73 rows .* arrays of 64 word lines.*needs the complete sum.*'tile.tall'"):
        tile_matrix((73, 128), TileConfig(rows=64), planes=2)
    for tall in ("charge", "digital"):
        assert tile_matrix((73, 128), TileConfig(rows=64, tall=tall), planes=2).join == tall
    assert tile_matrix((64, 128), TileConfig(rows=64), planes=2).join == "none"


def test_arrays_too_narrow_for_one_output_are_refused():
    with pytest.raises(InputError, match=r"'tile.cols' is 4, too few for one output, which takes 5 bit lines"):
        tile_matrix((3, 3), TileConfig(cols=4), planes=4, shared=1)


def test_the_partial_converter_is_symmetric_about_zero():
    assert PartialAdcConfig(bits=8).top == 127
