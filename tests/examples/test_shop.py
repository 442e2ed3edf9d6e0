"""The shop's services call each other through their sidecars, in both languages."""

import subprocess

import pytest
import requests

from shop import CSIDECAR, ROOT, SERVICES


def test_a_call_goes_python_node_python_node(shop):
    quote = requests.get(f"{shop.url}/shop-orders/quotes/ada").json()
    assert [by.split(":")[0] for by in quote["by"]] == ["shop-orders", "shop-cart"]
    assert [line["name"] for line in quote["lines"]] == ["teapot", "cup"]
    assert all(line["by"].startswith("shop-catalog") for line in quote["lines"])
    assert quote["total"] == 24.5 + 4 * 6


def test_an_error_comes_back_through_all_of_them(shop):
    answer = requests.get(f"{shop.url}/shop-orders/quotes/nobody")
    assert (answer.status_code, answer.json()) == (404, {"error": "no cart nobody"})


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_answers_through_any_sidecar(shop, name):
    answer = requests.get(f"{shop.url}/{name}/healthz")
    assert answer.status_code == 200
    assert answer.headers["csidecar-instance"]


def test_the_sidecar_lists_the_whole_shop(shop):
    listing = subprocess.run([CSIDECAR, "services", "--admin", shop.admin], text=True,
                             capture_output=True, check=True).stdout
    assert all(name in listing for name in SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_knows_of_a_registry(name):
    folder, command = SERVICES[name]
    source = {"orders:app": "orders.py"}.get(command[-1], command[-1])
    code = (ROOT / folder / source).read_text().lower()
    assert not any(word in code for word in ("consul", "etcd", "zeroconf", "mdns", "eureka"))
    assert code.count("registry") == code.count("it knows of no registry")
