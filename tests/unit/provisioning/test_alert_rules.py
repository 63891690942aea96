import re

import pytest

from dashboards.alert_rules import Json, alert_group

RULES = alert_group()["rules"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["title"])
def test_a_rule_is_as_grafana_and_its_readers_need_it(rule: Json) -> None:
    assert re.fullmatch(r"Groenmeter([A-Z][a-z]+)+", rule["title"])
    assert rule["uid"].startswith("groenmeter-")
    assert (rule["noDataState"], rule["execErrState"]) == ("OK", "Error")
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert "{{" not in rule["annotations"]["summary"]
    assert "{{ .Labels." in rule["annotations"]["description"]
    assert "$" not in str(rule)  # files for Grafana would take it for a variable


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["title"])
def test_a_rule_compares_the_newest_number_of_each_series(rule: Json) -> None:
    query, reduce, threshold = (step["model"] for step in rule["data"])

    assert (query["format"], query["datasource"]["uid"]) == ("time_series", "groenmeter")
    assert "AS time" in query["rawSql"]
    assert "metric" not in query["rawSql"]  # Grafana drops a label of that name
    assert (reduce["expression"], reduce["settings"]) == (query["refId"], {"mode": "dropNN"})
    assert (threshold["expression"], threshold["refId"]) == (reduce["refId"], rule["condition"])


def test_uids_and_titles_are_used_once() -> None:
    for name in ("uid", "title"):
        assert len({rule[name] for rule in RULES}) == len(RULES)
