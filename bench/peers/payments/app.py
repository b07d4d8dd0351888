"""The payments tutorial's service, as it is written there, on its async engine: one row, one commit, a provider that is made up.

Its provider's id is made unique, for the tutorial's own cannot serve one customer twice. DATABASE_URL is its only setting.
"""

import asyncio
import os
import uuid
from decimal import Decimal

from fastapi import Depends, FastAPI
from listening import serve
from pydantic import BaseModel
from sqlalchemy import Column, DateTime, Integer, Numeric, String
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import declarative_base
from sqlalchemy.sql import func

DATABASE_URL = os.environ["DATABASE_URL"]
Base = declarative_base()


class Payment(Base):
    __tablename__ = "payments"
    id = Column(Integer, primary_key=True)
    customer_id = Column(String(64), nullable=False)
    payment_provider_id = Column(String(128), unique=True, nullable=False)
    amount = Column(Numeric(12, 2), nullable=False)
    currency = Column(String(8), nullable=False)
    status = Column(String(32), nullable=False)
    created_at = Column(DateTime(timezone=True), server_default=func.now())


class PaymentRequest(BaseModel):
    customer_id: str
    amount: float
    currency: str = "USD"
    payment_method_id: str


class PaymentResponse(BaseModel):
    payment_id: str
    status: str


async def tables():
    engine = create_async_engine(DATABASE_URL)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


asyncio.run(tables())
engine = create_async_engine(DATABASE_URL, pool_size=32, max_overflow=0)
SessionLocal = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


async def get_db():
    async with SessionLocal() as db:
        yield db


@app.post("/payments", response_model=PaymentResponse)
async def create_payment(payload: PaymentRequest, db: AsyncSession = Depends(get_db)):
    provider_payment = {"id": f"pi_{payload.customer_id}_{uuid.uuid4().hex}", "status": "succeeded"}
    record = Payment(
        customer_id=payload.customer_id,
        payment_provider_id=provider_payment["id"],
        amount=Decimal(str(payload.amount)),
        currency=payload.currency,
        status=provider_payment["status"],
    )
    db.add(record)
    await db.commit()
    await db.refresh(record)
    return PaymentResponse(payment_id=record.payment_provider_id, status=record.status)


serve(app)
