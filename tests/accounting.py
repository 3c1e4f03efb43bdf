"""Plain-text accounting tools as judges of what we export."""

import csv
import fcntl
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader
from beancount.core.data import Transaction
from beancount.scripts.example import write_example_file

INSTALL_SECONDS_MAX = 90


def beancount_balances(text):
    """Load a file with Beancount's own loader, without errors. Returns: {account: balance}, and the transactions."""
    entries, errors, _options = loader.load_string(text)
    assert errors == [], "\n".join(error.message for error in errors[:5])
    transactions = [entry for entry in entries if isinstance(entry, Transaction)]
    balances = Counter()
    for posting in (posting for transaction in transactions for posting in transaction.postings):
        balances[posting.account] += posting.units.number
    return dict(balances), transactions


def hledger_balances(text):
    """Have hledger check a journal strictly and sum it up. Returns: {account: balance}."""
    hledger("check --strict", text)
    rows = csv.reader(io.StringIO(hledger("balance --flat --empty --no-total -O csv", text)))
    next(rows)
    return {account: Decimal(balance.split(" ")[0]) for account, balance in rows}


def hledger(command, text):
    # Without an UTF-8 locale, hledger reads and writes no other letters than English ones.
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["hledger", "-f", "-", *command.split()], input=text.encode(), capture_output=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def totals_of(balances, roots=("Income", "Expenses", "Assets")):
    """What a tool says of a book, in the service's words: income is negative in double entry, as what it comes from."""
    income, expense, balance = (
        sum((amount for account, amount in balances.items() if account.startswith(f"{root}:")), Decimal(0))
        for root in roots
    )
    return {"income": -income, "expense": expense, "balance": balance}


def generate_example(path, years):
    """Have Beancount's own generator write years of a household, up to the end of 2023; always the same ones."""
    random.seed(17)
    with path.open("w", encoding="utf-8") as file:
        write_example_file(date(1980, 5, 12), date(2024 - years, 1, 1), date(2023, 12, 31), reformat=True, file=file)


def convert_example(path, out):
    """Run examples/from_beancount.py, as its users do. Returns: the entries of its file for USD."""
    script = Path(__file__).parents[1] / "examples" / "from_beancount.py"
    environment = {**os.environ, "PYTHONPATH": str(script.parents[1]), "PYTHONUTF8": "1"}
    subprocess.run([sys.executable, script, path, "--out", out], check=True, capture_output=True, env=environment)
    return [json.loads(line) for line in (out / "USD.ndjson").read_text("utf-8").splitlines()]


def install_hledger():
    """Have hledger at hand, from Debian where that can be done; otherwise the test is skipped, and says why."""
    with Path(tempfile.gettempdir(), "gagyebu-hledger.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other test processes want it at the same moment
        if shutil.which("hledger"):
            return
        if os.geteuid() or not shutil.which("apt-get"):
            pytest.skip("hledger is not installed (Debian: apt-get install hledger), and only root can install it")
        options = "-qq -o Acquire::Retries=0 -o Acquire::http::Timeout=10"
        install = f"apt-get {options} update && apt-get {options} install -y --no-install-recommends hledger"
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", install], check=False, capture_output=True, timeout=INSTALL_SECONDS_MAX
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"hledger could not be installed within {INSTALL_SECONDS_MAX} s")
    if done.returncode:
        pytest.skip(f"hledger could not be installed: {done.stderr.decode()[-200:].strip()}")
