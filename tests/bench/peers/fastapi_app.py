"""The same three requests as a FastAPI service would answer them: pydantic in, asyncpg, its pool as it comes."""
import json
import os
from datetime import datetime
from typing import Any, Dict
from uuid import UUID

import asyncpg
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

COLUMNS = "id, name, description, kind, parameters, status, version, created_at, updated_at"
app = FastAPI()


class StrategyIn(BaseModel):
    name: str = Field(min_length=1, max_length=100)
    kind: str = Field(regex="^[a-z][a-z0-9_]*$", max_length=64)
    description: str = Field("", max_length=2000)
    parameters: Dict[str, Any] = {}


class Strategy(StrategyIn):
    id: UUID
    status: str
    version: int
    created_at: datetime
    updated_at: datetime


async def configure(connection):
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


@app.on_event("startup")
async def startup():
    app.state.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], init=configure)


@app.get("/health/live")
async def live():
    return {"status": "ok"}


@app.get("/api/v1/strategies/{strategy_id}", response_model=Strategy)
async def read(strategy_id: UUID):
    row = await app.state.pool.fetchrow(f"SELECT {COLUMNS} FROM strategies WHERE id = $1", strategy_id)
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.post("/api/v1/strategies", response_model=Strategy, status_code=201)
async def create(body: StrategyIn):
    row = await app.state.pool.fetchrow(
        f"INSERT INTO strategies (name, kind, description, parameters) VALUES ($1, $2, $3, $4) RETURNING {COLUMNS}",
        body.name, body.kind, body.description, body.parameters)
    return dict(row)
