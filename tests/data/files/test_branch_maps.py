from __future__ import annotations

import pytest

from zoo.data.files.branch_maps import Branch, BranchMap, kind_of_map, own_map, read_branch_map
from zoo.data.kinds.clusters import CLUSTER_EVENTS, RECHIT_EVENTS
from zoo.errors import InvalidFile, InvalidValue, UnknownName

GOOD = """
tree = "ntuple/photons"
[fields]
"hits.ieta" = "rh_ieta"
"hits.iphi" = "rh_iphi"
"hits.energy_gev" = { branch = "rh_e", factor = 0.001 }
"hits.noise_gev" = { constant = 0.08 }
"hits.dead_neighbours" = { constant = 0 }
rho_gev = "rho"
leakage_gev = { branch = "h", optional = true }
true_energy_gev = "gen_e"
"""


def write(tmp_path, text):
    path = tmp_path / "map.toml"
    path.write_text(text)
    return path


def test_reads_units_constants_and_options(tmp_path):
    found = read_branch_map(write(tmp_path, GOOD))
    assert found.tree == "ntuple/photons"
    assert found.fields["hits.energy_gev"] == Branch("rh_e", factor=0.001)
    assert found.fields["hits.noise_gev"].constant == 0.08
    assert found.fields["leakage_gev"].optional
    assert found.fields["true_energy_gev"].optional  # truth is optional by nature
    assert not found.fields["hits.ieta"].optional


def test_own_files_need_the_inputs_alone():
    needed = {name for name, entry in own_map().fields.items() if not entry.optional}
    assert needed == {
        "hits.ieta", "hits.iphi", "hits.energy_gev", "hits.noise_gev", "hits.dead_neighbours",
        "seed_ieta", "seed_iphi", "rho_gev", "leakage_gev",
    }  # fmt: skip


def test_a_missing_branch_lists_the_nearest(tmp_path):
    found = read_branch_map(write(tmp_path, GOOD))
    branches = ["rh_ieta", "rh_iphi", "rh_energy", "rho", "gen_e"]
    with pytest.raises(UnknownName) as error:
        found.present(branches, "file.root")
    assert "'rh_e'" in str(error.value) and "'rh_energy'" in str(error.value)
    assert "hits.energy_gev" in str(error.value) and "file.root" in str(error.value)
    assert "leakage_gev" not in found.present([*branches, "rh_e"], "file.root")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (GOOD.replace("hits.ieta", "hits.eta"), UnknownName, "hits.ieta"),
        (GOOD.replace("factor", "scale"), UnknownName, "factor"),
        (GOOD.replace("tree =", "trees ="), UnknownName, "'tree'"),
        (GOOD.replace('rho_gev = "rho"', ""), InvalidValue, "rho_gev"),
        (GOOD.replace("0.001", '"0.001"'), InvalidValue, "a number"),
        (GOOD.replace("{ constant = 0 }", "{ }"), InvalidValue, "either a branch or a constant"),
        (GOOD.replace("{ constant = 0 }", "5"), InvalidValue, "a branch name or a table"),
        ("fields = 3", InvalidValue, "a table"),
        ("[fields", InvalidFile, "not a TOML file"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        read_branch_map(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidFile, match=r"nowhere\.toml"):
        read_branch_map(tmp_path / "nowhere.toml")


def test_branch_or_constant_not_both():
    with pytest.raises(InvalidValue, match="either"):
        BranchMap("t", {"rho_gev": Branch("rho", constant=1.0)})


RECHITS = """
tree = "events"  # its "clusters.energy_gev" are made later
[fields]
"hits.ieta" = "rh_ieta"
"hits.iphi" = "rh_iphi"
"hits.energy_gev" = "rh_e"
"hits.noise_gev" = { constant = 0.08 }
"hits.dead_neighbours" = { constant = 0 }
rho_gev = "rho"
"""


def test_the_fields_of_a_map_say_of_which_kind_it_is(tmp_path):
    """A comment that names a cluster says nothing."""
    kinds = (RECHIT_EVENTS, CLUSTER_EVENTS)
    assert kind_of_map(write(tmp_path, RECHITS), kinds) is RECHIT_EVENTS
    with pytest.raises(InvalidValue, match="exactly one kind"):
        kind_of_map(write(tmp_path, 'tree = "events"\n[fields]\nrho_gev = "rho"\n'), kinds)
