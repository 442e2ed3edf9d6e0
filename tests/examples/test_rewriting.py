"""Redirects and cookies of the four frameworks, seen through the path form.

Each app writes paths of its own ("/orders/1"); whoever called /shop-orders/… must get them
with the prefix back, or the next request goes to a service named "orders".
"""

import pytest
import requests

# service, path asked for, where the app itself sends it, where the sidecar must
REDIRECTS = {
    "flask, own authority": ("shop-orders", "/orders", "{app}/orders/", "/shop-orders/orders/"),
    "fastapi, path": ("shop-catalog", "/newest", "/items/4", "/shop-catalog/items/4"),
    "fastapi, own authority": ("shop-catalog", "/items", "{app}/items/", "/shop-catalog/items/"),
    "express, path": ("shop-cart", "/carts", "/carts/", "/shop-cart/carts/"),
    "node http, path": ("shop-prices", "/prices", "/prices/", "/shop-prices/prices/"),
}


def location(url):
    answer = requests.get(url, allow_redirects=False)
    assert answer.is_redirect, answer.text
    return answer.headers["Location"]


@pytest.mark.parametrize("case", REDIRECTS)
def test_a_redirect_gets_its_prefix_back(shop, case):
    name, path, from_app, from_sidecar = REDIRECTS[case]
    assert location(shop.direct[name] + path) == from_app.format(app=shop.direct[name])
    assert location(f"{shop.url}/{name}{path}").removeprefix(shop.url) == from_sidecar


@pytest.mark.parametrize("case", REDIRECTS)
def test_a_client_that_follows_it_arrives(shop, case):
    name, path, _, _ = REDIRECTS[case]
    answer = requests.get(f"{shop.url}/{name}{path}")
    assert answer.status_code == 200 and len(answer.history) == 1


# service, method, path that sets the cookie, its body, the cookie, its path in the app
COOKIES = {
    "flask": ("shop-orders", "POST", "/orders/", {"cart": "ada"}, "last-order", "/orders"),
    "fastapi": ("shop-catalog", "GET", "/newest", None, "seen", "/items"),
    "express": ("shop-cart", "PUT", "/carts/cy/items/2", {"quantity": 3}, "cart", "/carts"),
    "node http": ("shop-prices", "GET", "/currency/USD", None, "currency", "/prices"),
}


@pytest.mark.parametrize("case", COOKIES)
def test_a_cookies_path_gets_its_prefix_back(shop, case):
    name, method, path, body, cookie, own_path = COOKIES[case]
    for base, prefix in ((shop.direct[name], ""), (f"{shop.url}/{name}", f"/{name}")):
        answer = requests.request(method, base + path, json=body, allow_redirects=False)
        found = {c.name: c.path for c in answer.cookies}
        assert found == {cookie: prefix + own_path}


def test_flask_gets_its_cookie_back(shop):
    with requests.Session() as browser:
        made = browser.post(f"{shop.url}/shop-orders/orders/", json={"cart": "bob"})
        again = browser.get(f"{shop.url}/shop-orders/orders/last")
    assert made.json() == again.json() and made.json()["total"] == 39.9


def test_fastapi_gets_its_cookie_back(shop):
    with requests.Session() as browser:
        seen = browser.get(f"{shop.url}/shop-catalog/newest")
    assert seen.request.headers["Cookie"] == "seen=4"


def test_express_gets_its_cookie_back(shop):
    with requests.Session() as browser:
        browser.put(f"{shop.url}/shop-cart/carts/dan/items/3", json={"quantity": 2})
        mine = browser.get(f"{shop.url}/shop-cart/carts/mine").json()
    assert (mine["cart"], mine["lines"][0]["quantity"]) == ("dan", 2)


def test_node_http_gets_its_cookie_back(shop):
    with requests.Session() as browser:
        chosen = browser.get(f"{shop.url}/shop-prices/currency/USD").json()
        other = browser.get(f"{shop.url}/shop-prices/prices/2").json()
    assert (chosen["currency"], other["currency"]) == ("USD", "USD")
