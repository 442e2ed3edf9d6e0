"""shop-orders: what a cart costs, and the orders made of it (Flask, requests).

It calls shop-cart by name through its sidecar, over plain HTTP. It knows of no registry.
"""

import os

import requests
from flask import Flask, jsonify, redirect, request, url_for

SIDECAR = os.environ.get("CSIDECAR_URL", "http://127.0.0.1:8081")

app = Flask(__name__)
sidecar = requests.Session()
orders = {}


@app.get("/healthz")
def healthz():
    return "ok\n"


@app.get("/quotes/<cart>")
def quote(cart):
    """What the cart would cost. Reads only, so the sidecar may send it again."""
    answer = sidecar.get(f"{SIDECAR}/shop-cart/carts/{cart}", timeout=20)
    if not answer.ok:
        return answer.json(), answer.status_code
    found = answer.json()
    total = sum(line["price"] * line["quantity"] for line in found["lines"])
    return jsonify(cart=cart, lines=found["lines"], total=round(total, 2),
                   by=[f"shop-orders:{os.getpid()}", found["by"]])


@app.get("/orders/")
def list_orders():
    return jsonify(list(orders.values()))


@app.post("/orders/")
def make_order():
    answer = quote(request.get_json()["cart"])
    if isinstance(answer, tuple):
        return answer
    number = len(orders) + 1
    orders[number] = {"number": number, **answer.get_json()}
    made = redirect(url_for("show_order", number=number), 303)
    made.set_cookie("last-order", str(number), path="/orders")
    return made


@app.get("/orders/<int:number>")
def show_order(number):
    if number not in orders:
        return jsonify(error=f"no order {number}"), 404
    return jsonify(orders[number])


@app.get("/orders/last")
def last_order():
    """The order that the browser's cookie remembers."""
    number = request.cookies.get("last-order")
    if number is None:
        return jsonify(error="no order yet"), 404
    return redirect(f"/orders/{number}")
