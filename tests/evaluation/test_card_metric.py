"""A metric of a card, from the numbers of a report."""

from zoo.evaluation.measures import card_metric

FOUND, BASELINE = {"value": 0.123456, "error": 0.0012345}, {"value": 2.0, "error": None}


def test_numbers_have_four_digits_and_empty_words_go():
    metric = card_metric("width", FOUND, BASELINE, unit="GeV", note="", baseline_name="raw sum")
    assert metric == {
        "name": "width", "value": 0.1235, "error": 0.001234, "baseline": 2.0, "unit": "GeV",
        "baseline_name": "raw sum",
    }  # fmt: skip


def test_without_a_number_of_the_baseline_it_is_not_named():
    for nothing in (None, {}, {"value": None, "error": None}):
        metric = card_metric("width", FOUND, nothing, baseline_name="raw sum")
        assert metric == {"name": "width", "value": 0.1235, "error": 0.001234}


def test_without_a_number_there_is_no_metric():
    for nothing in (None, {}, {"value": None, "error": None}):
        assert card_metric("width", nothing, BASELINE, sample="electrons") == {}
