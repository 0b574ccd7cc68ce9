"""Ranges, portfolios and the worth of knowing, against closed forms, dynamic programming and going through every set."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from regard.statistics import appraisal, learning, portfolios, ranges
from regard.statistics.portfolios import Rules, Worth

TENTH = [0.1, 0.5, 0.9]


@pytest.mark.parametrize("points", [(1, 2, 9), (1, 4, 9), (2, 4, 8), (10, 11, 30), (0.5, 20, 21)])
def test_a_positive_range_has_exactly_its_three_quantiles(points):
    """Hadlock & Bickel (2017): J-QPD-S is made to pass through the three."""
    found = ranges.ranged(*points)

    assert found.form == "positive"
    assert found.at(TENTH) == pytest.approx(points, rel=1e-9)
    p = np.linspace(1e-6, 1 - 1e-6, 999)
    assert (np.diff(found.at(p)) > 0).all()
    assert (found.at(p) > 0).all()


def test_a_range_even_by_ratio_is_the_lognormal():
    found = ranges.ranged(50, 100, 200)

    sigma = math.log(2) / special.ndtri(0.9)
    assert found.at([0.975])[0] == pytest.approx(100 * math.exp(sigma * special.ndtri(0.975)), rel=1e-9)


@pytest.mark.parametrize("points", [(-3, 1, 2), (-3, 1, 20), (-1, 0, 1)])
def test_a_range_around_zero_has_its_three_quantiles_too(points):
    assert ranges.ranged(*points).at(TENTH) == pytest.approx(points, abs=1e-9)


def test_a_pert_range_keeps_its_ends_and_its_mean():
    """Malcolm et al. (1959): mean (low + 4 likely + high) / 6."""
    found = ranges.ranged(2, 3, 10, form="pert")

    p = (np.arange(20_000) + 0.5) / 20_000
    drawn = found.at(p)
    assert drawn.mean() == pytest.approx((2 + 12 + 10) / 6, rel=1e-4)
    assert drawn.min() >= 2
    assert drawn.max() <= 10


@pytest.mark.parametrize(("points", "why"), [((3, 2, 4), "order"), ((math.nan, 1, 2), "numbers")])
def test_a_range_that_is_none_says_why(points, why):
    with pytest.raises(ValueError, match=why):
        ranges.ranged(*points)


def test_a_chance_has_the_mean_and_the_width_it_was_given():
    a, b = ranges.chance(0.4, 0.6, 0.8)

    assert a / (a + b) == pytest.approx(0.6)
    assert special.betaincinv(a, b, 0.9) - special.betaincinv(a, b, 0.1) == pytest.approx(0.4, abs=1e-6)


SCHOOLS = ((28, 15), (8, 10), (-3, 16), (7, 11), (-1, 9), (1, 11), (18, 10), (12, 18))


def schools_by_quadrature():
    """Posterior means of the eight effects: the hierarchical normal with flat priors, integrated numerically."""
    y, s = np.array(SCHOOLS, float).T

    def given(tau):
        w = 1 / (s**2 + tau**2)
        centre = w @ y / w.sum()
        density = np.prod(stats.norm.pdf(y, centre, np.sqrt(s**2 + tau**2))) / np.sqrt(w.sum())
        keep = tau**2 / (tau**2 + s**2)
        return density, keep * y + (1 - keep) * centre

    mass = integrate.quad(lambda t: given(t)[0], 0, 200, limit=200)[0]
    return [integrate.quad(lambda t, j=j: given(t)[0] * given(t)[1][j], 0, 200, limit=200)[0] / mass for j in range(8)]


def test_shrinkage_is_the_hierarchical_model_of_the_eight_schools():
    """Rubin (1981), J. Educational Statistics 6, 377-401: his eight estimates and errors; means by quadrature."""
    given = tuple(ranges.normal(*school) for school in SCHOOLS)
    rng = np.random.default_rng(1)
    p = ranges.uniforms(40_000, 8, together=0.0, rng=rng)

    found = ranges.shrunk(given, p, rng=rng)

    assert found.values.mean(axis=0) == pytest.approx(schools_by_quadrature(), abs=0.35)
    assert found.weights[0] < found.weights[4]  # the larger the error, the less is kept
    assert not found.log


def test_what_is_not_known_in_common_makes_draws_go_together():
    given = tuple(ranges.normal(*school) for school in SCHOOLS)
    rng = np.random.default_rng(1)
    found = ranges.shrunk(given, ranges.uniforms(20_000, 8, together=0.0, rng=rng), rng=rng)

    assert np.corrcoef(found.values.T)[np.triu_indices(8, 1)].mean() > 0.1


def test_three_estimates_are_too_few_to_shrink_and_that_is_said():
    rng = np.random.default_rng(1)
    given = tuple(ranges.normal(m, 1.0) for m in (1, 2, 3))
    found = ranges.shrunk(given, ranges.uniforms(2000, 3, together=0.0, rng=rng), rng=rng)

    assert "too few" in found.why_not
    assert found.values.mean(axis=0) == pytest.approx([1, 2, 3], abs=0.01)


def test_draws_go_together_as_much_as_told():
    drawn = special.ndtri(ranges.uniforms(40_000, 3, together=0.4, rng=np.random.default_rng(1)))

    assert np.corrcoef(drawn.T)[np.triu_indices(3, 1)] == pytest.approx([0.4] * 3, abs=0.02)


def knapsack(value, cost, budget):
    """Dynamic programming over whole costs: the textbook's exact answer."""
    table = np.zeros(budget + 1)
    for v, c in zip(value, cost, strict=True):
        table[c:] = np.maximum(table[c:], table[: len(table) - c] + v) if c <= budget else table[c:]
    return table[budget]


@pytest.mark.parametrize("kind", ["uncorrelated", "weakly correlated", "strongly correlated", "subset sum"])
@pytest.mark.parametrize("k", [10, 40])
def test_the_best_set_is_that_of_dynamic_programming(kind, k):
    """The four classical kinds of instance of Martello & Toth (1990), Knapsack Problems, with weights to 100."""
    rng = np.random.default_rng(k)
    weight = rng.integers(1, 101, k)
    value = {
        "uncorrelated": rng.integers(1, 101, k),
        "weakly correlated": np.maximum(weight + rng.integers(-10, 11, k), 1),
        "strongly correlated": weight + 10,
        "subset sum": weight,
    }[kind]
    budget = int(weight.sum() // 2)
    worth = Worth(value=(value + weight)[None, :].astype(float), cost=weight[None, :].astype(float))

    found = portfolios.best(worth, Rules(budget=budget))

    assert found.gap <= 1e-6
    assert found.objective == pytest.approx(knapsack(value, weight, budget))


def crossed(rng, k, draws=1, pots=3):
    value = rng.normal(3, 4, (draws, k))
    cost = rng.uniform(1, 4, (draws, k))
    part = rng.uniform(0, 1, (draws, k, pots)) * (rng.random((k, pots)) < 0.5)
    return Worth(value=value, cost=cost, pots=rng.uniform(2, 9, (draws, pots)), part=part)


@pytest.mark.parametrize("seed", range(4))
def test_program_and_enumeration_agree_with_needs_and_exclusions(seed):
    rng = np.random.default_rng(seed)
    worth = Worth(value=rng.normal(3, 4, (1, 8)), cost=rng.uniform(1, 4, (1, 8)))
    rules = Rules(budget=9.0, needs=((0, 1), (2, 3)), excludes=((4, 5, 6),))

    small, program = portfolios.best(worth, rules), portfolios._program(worth, rules, 0.0, worth.cost[0])

    assert program.objective == pytest.approx(small.objective, rel=1e-6)
    assert worth.net(program.chosen).mean() == pytest.approx(small.objective, rel=1e-6)
    assert not (program.chosen[0] and not program.chosen[1])


def test_what_two_options_share_is_counted_once():
    """Both save the same hundred: one half of it, the other half of what is left."""
    worth = Worth(
        value=np.zeros((1, 2)), cost=np.zeros((1, 2)), pots=np.array([[100.0]]), part=np.array([[[0.5], [0.5]]])
    )

    assert worth.net(np.array([True, True]))[0] == pytest.approx(75)
    assert portfolios.nets(worth, np.array([[True, False], [True, True]]))[0] == pytest.approx([50, 75])


def test_the_cautious_program_agrees_with_enumeration():
    rng = np.random.default_rng(3)
    worth = Worth(value=rng.normal(5, [1, 9, 3, 6, 2, 12], (100, 6)), cost=np.full((100, 6), 3.0))
    rules = Rules(budget=9.0)

    small, program = portfolios.best(worth, rules, cautious=0.7), portfolios._program(worth, rules, 0.7, worth.cost[0])

    assert program.objective == pytest.approx(small.objective, rel=1e-6)
    assert (program.chosen == small.chosen).all()
    assert not (small.chosen == portfolios.best(worth, rules).chosen).all()


def test_greedy_by_ratio_loses_what_a_large_option_would_have_brought():
    """The classical bad case: one small dense option keeps the large one out."""
    worth = Worth(value=np.array([[3.0, 110.0]]), cost=np.array([[1.0, 100.0]]))
    rules = Rules(budget=100.0)

    greedy = portfolios.in_order([0, 1], worth.cost[0], rules)

    assert worth.net(greedy)[0] == 2
    assert portfolios.best(worth, rules).objective == 10


def test_no_set_within_the_budget_is_refused():
    worth = Worth(value=np.ones((1, 2)), cost=np.full((1, 2), 5.0))

    assert portfolios.best(worth, Rules(budget=1.0, must=(0,))).refused


def test_very_many_options_come_close_to_a_bound_no_set_can_pass():
    """Dantzig (1957): the relaxed knapsack bounds the whole one from above; mixed-integer programming lies between."""
    rng = np.random.default_rng(9)
    worth = Worth(value=rng.lognormal(4, 0.6, (1, 500)), cost=rng.lognormal(3.5, 0.5, (1, 500)))
    rules = Rules(budget=4000.0)

    quick = portfolios.best(worth, rules)
    exact = portfolios._program(worth, rules, 0.0, worth.cost[0], near=1e-5)

    assert quick.gap < 0.01
    assert quick.objective <= exact.objective * (1 + 1e-9)
    assert exact.objective <= quick.objective / (1 - quick.gap) * (1 + 1e-4)


def test_credit_is_shapleys_value_and_adds_up():
    rng = np.random.default_rng(5)
    worth = crossed(rng, 4, draws=50)
    chosen = np.array([True, True, True, False])

    found = portfolios.credit(worth, chosen)

    assert found[:3].sum() == pytest.approx(worth.net(chosen).mean())
    expected = np.zeros(3)
    for order in itertools.permutations(range(3)):
        inside = np.zeros(4, bool)
        for i in order:
            before = worth.net(inside).mean()
            inside[i] = True
            expected[i] += (worth.net(inside).mean() - before) / 6
    assert found[:3] == pytest.approx(expected)


def test_a_circle_of_needs_is_named():
    assert portfolios.cycle(((0, 1), (1, 2), (2, 0), (3, 0)), 4) == (0, 1, 2)
    assert portfolios.cycle(((0, 1), (1, 2), (3, 2)), 4) == ()


def test_hindsight_of_many_options_is_that_of_few_repeated():
    rng = np.random.default_rng(8)
    worth = Worth(value=rng.normal(5, 3, (40, 9)), cost=rng.uniform(1, 4, (40, 9)))
    rules = Rules(budget=8.0, needs=((1, 0),))

    small = portfolios.hindsight(worth, rules)

    for at in range(40):
        one = Worth(value=worth.value[[at]], cost=worth.cost[[at]])
        one = portfolios._program(one, rules, 0.0, worth.cost.mean(axis=0))
        assert one.objective == pytest.approx(small.net[at])


def test_ranks_that_noise_makes_are_wide_and_those_of_the_sure_are_not():
    rng = np.random.default_rng(4)
    value = np.column_stack([np.full(2000, 100.0), rng.normal(10, 1, 2000), rng.normal(10, 1, 2000)])
    worth = Worth(value=value, cost=np.ones_like(value))

    found = appraisal.appraise(worth, worth, Rules(), lists={}, inputs={})

    assert found.ranks.tolist() == [[1, 1], [2, 3], [2, 3]]


def test_perfect_information_of_a_normal_choice_is_its_closed_form():
    """Raiffa & Schlaifer (1961): go or not, net normal(m, s): s·φ(m/s) − |m|·Φ(−|m|/s)."""
    rng = np.random.default_rng(2)
    m, s = 0.7, 2.0
    net = m + s * rng.standard_normal(400_000)

    found = learning.perfect(np.column_stack([np.zeros_like(net), net]))

    closed = s * math.exp(-((m / s) ** 2) / 2) / math.sqrt(2 * math.pi) - m * special.ndtr(-m / s)
    assert found.value == pytest.approx(closed, rel=0.02)


def test_partial_information_of_a_sum_of_normals_is_its_closed_form():
    """The posterior mean given one term is normal with that term's spread: the same closed form with it."""
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 20_000))
    net = 0.5 + 1.5 * a + 2.0 * b
    nets = np.column_stack([np.zeros_like(net), net])

    found = [learning.partial(nets, x) for x in (a, b, rng.standard_normal(20_000))]

    for got, s in zip(found[:2], (1.5, 2.0), strict=True):
        closed = s * math.exp(-((0.5 / s) ** 2) / 2) / math.sqrt(2 * math.pi) - 0.5 * special.ndtr(-0.5 / s)
        assert got.value == pytest.approx(closed, rel=0.08)
    assert found[2].value < 0.02
