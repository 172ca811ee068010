"""The stacked member: what its regressions got wrong, and what its trees make of it."""

import numpy as np
import pytest

from loopcast.errors import ModelError
from loopcast.zoo.arrays import take_positions
from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.stacked import Stacked
from zoo_panels import shop_panel, sky_panel

WEEK = Situation(7, 0, 1, None, (7,))


@pytest.fixture(scope="module")
def sky():
    """A panel whose target follows a category that regressions do not see, and the member at its last but 7 days."""
    panel = sky_panel(400)
    end = panel.last - 7
    return panel, end, Stacked({"trees": 60}).fit(panel.cut(end, ahead=7), WEEK, end)


def test_its_trees_mend_what_its_regressions_cannot_see(sky):
    panel, end, member = sky
    truth = take_positions(panel.y, end[:, None] + np.arange(1, 8))
    alone = np.mean([base.predict(panel, end[:, None])[:, 0] for base in member.state.bases], axis=0)
    made = member.predict(panel, end[:, None])[:, 0]
    assert np.abs(made - truth).mean() < 0.7 * np.abs(alone - truth).mean()


def test_a_category_is_told_apart_by_its_levels_and_not_by_their_order(sky):
    _, _, member = sky
    chosen = [codes for tree in member.trees.trees for codes in tree.categories if codes is not None]
    assert chosen


def test_what_was_said_before_is_what_the_regressions_said_then(sky):
    panel, end, member = sky
    later = member.update(panel.cut(end + 1, ahead=7), end + 1, since=end)
    before = np.stack([base.predict(panel, end[:, None])[:, 0] for base in member.state.bases], axis=2)
    np.testing.assert_allclose(later.state.past[:, -1], before, rtol=1e-9)
    assert later.state.until == panel.times(end)


def test_ten_points_are_refused_in_words():
    panel = shop_panel()
    with pytest.raises(ModelError, match="needs"):
        Stacked({}).fit(panel, WEEK, np.array([9, -1, -1]))
