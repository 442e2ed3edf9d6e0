"""shop-catalog: the things for sale (FastAPI on uvicorn, httpx).

It calls shop-prices by name through its sidecar, over plain HTTP. It knows of no registry.
"""

import os

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import RedirectResponse

SIDECAR = os.environ.get("CSIDECAR_URL", "http://127.0.0.1:8081")
ITEMS = {1: "teapot", 2: "cup", 3: "kettle", 4: "tea, loose leaf"}

app = FastAPI()
sidecar = httpx.AsyncClient(base_url=SIDECAR, timeout=20)


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.get("/items/")
async def list_items():
    return [{"item": item, "name": name} for item, name in ITEMS.items()]


@app.get("/items/{item}")
async def show_item(item: int):
    if item not in ITEMS:
        raise HTTPException(404, f"no item {item}")
    answer = await sidecar.get(f"/shop-prices/prices/{item}")
    if answer.is_error:
        raise HTTPException(answer.status_code, answer.text)
    return {"item": item, "name": ITEMS[item], **answer.json(), "by": f"shop-catalog:{os.getpid()}"}


@app.get("/newest")
async def newest():
    """Sends the browser to the newest item, and lets it remember having seen it."""
    item = max(ITEMS)
    answer = RedirectResponse(f"/items/{item}", 302)
    answer.set_cookie("seen", str(item), path="/items")
    return answer


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "5001")),
                timeout_graceful_shutdown=5, access_log=False)
