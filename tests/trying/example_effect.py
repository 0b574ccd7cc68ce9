"""Customers who took a repair policy or did not; those with dear machines took it more often, and renew more often."""

import numpy as np
import pyarrow as pa


def policies():
    random = np.random.default_rng(21)
    n = 2400
    machines = random.poisson(3, n) + 1
    tenure = np.round(random.gamma(2.0, 2.0, n), 1)
    plan = random.choice(["basic", "plus", "pro"], n, p=[0.5, 0.3, 0.2])
    lean = 0.3 * (machines - 4) + 0.5 * (plan == "pro") - 0.6
    policy = np.where(random.uniform(size=n) < 1 / (1 + np.exp(-lean)), "yes", "no")
    chance = 0.45 + 0.03 * (machines - 4) + 0.02 * tenure + 0.10 * (policy == "yes")
    renewed = np.where(random.uniform(size=n) < np.clip(chance, 0.02, 0.98), "yes", "no")
    return pa.table(
        {
            "customer": [f"C{i:05d}" for i in range(n)], "policy": policy, "renewed": renewed,
            "machines": machines, "tenure": tenure, "plan": plan,
        }
    )  # fmt: skip


FILES = {"policies.csv": policies}
FILE = "policies.csv"
OPTIONS = {"outcome": "renewed", "used": "policy", "covariates": ("machines", "tenure", "plan")}
NUMBER = "outcome"
