"""What a column is likely to be, from its name in several languages and from what it holds."""

# ruff: noqa: E501  a table of names reads better one entry a line

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

import msgspec
from msgspec import Meta

from regard.sources.columns import Column


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A column's likely part in a signal."""

    role: Annotated[str, Meta(description="What it is: person, created, score, amount, ...")]
    confidence: Annotated[float, Meta(description="From 0 to 1.")]
    why: Annotated[str, Meta(description="Why, in a sentence.")]


def plain(name: str) -> str:
    """A name in small letters without accents, words apart: customerID and Customer_Id become `customer id`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    bare = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode().lower()
    return " ".join(re.findall(r"[a-z0-9]+", bare))


_PEOPLE = (
    "customer|cust|client|cliente|clientes|kunde|kunden|klant|acheteur|comprador|user|usuario|utente|utilisateur|member|mitglied|"
    "person|contact|buyer|respondent|requester|caller|passenger|subscriber|patient|student|speaker|author|reviewer|reporter|"
    "guest|shopper|donor|lead|visitor"
)
_ID = "id|no|nr|num|number|nummer|numero|key|code|uuid|guid|ref|unique id|handle"
_TICKETS = "ticket|incident|case|conversation|chamado|anfrage|vorgangs?|reclamacao|reclamo|complaint|issue|call|chat|request|contact"
_ORDERS = "order|invoice|transaction|purchase|pedido|bestellung|commande|ordine|sale|receipt|payment|charge|compra|factura|rechnung|bestell|auftrags?"

# role, pattern of the whole plain name, what the column must hold, confidence
_RULES: tuple[tuple[str, str, str, float], ...] = (
    ("person", rf"(.* )?({_PEOPLE}) unique ({_ID})", "id", 0.97),
    ("person", rf"(.* )?({_PEOPLE}) ?({_ID})", "id", 0.9),
    ("person", rf"({_PEOPLE})", "id", 0.7),
    ("email", r"(.* )?(e ?mail|mail|correo|courriel)( address| adresse)?", "email text", 0.9),
    (
        "account",
        r"(.* )?(account|company|organi[sz]ation|org|tenant|workspace|firma|empresa|entreprise|azienda|household)( (id|name|no|number|key))?",
        "id",
        0.8,
    ),
    ("anonymous", r"(.* )?(anonymous|session|device|cookie|visitor) (id|key)", "id", 0.8),
    ("name", r"(full |first |display |customer |kunden|contact |account )?(name|nome|nombre|nom)", "text", 0.7),
    ("survey", r"(survey|questionnaire|umfrage|encuesta|pesquisa|form)( name| title)?", "text", 0.8),
    (
        "nps",
        r"(.* )?(nps|net promoter|likelihood to recommend|recommend\w*|empfehl\w*|recomend\w*|recommand\w*)( .*)?",
        "score",
        0.9,
    ),
    ("csat", r"(.* )?(csat|satisf\w*|zufrieden\w*)( .*)?", "score", 0.85),
    ("ces", r"(.* )?(ces|effort|ease|easy)( .*)?", "score", 0.8),
    (
        "stars",
        r"(.* )?(stars?|rating|review score|bewertung|nota|note|punteggio|overall rating|overall)",
        "score",
        0.85,
    ),
    ("score", r"(.* )?(score|puntuacion|pontuacao|punkte)", "score", 0.7),
    ("aspect", r"(.* )?(rating|score|q\d+|question \d+)( .*)?", "score", 0.6),
    (
        "verbatim",
        r"(.* )?(comments?|verbatim|feedback|review|text|content|body|message|description|comentario\w*|mensagem|kommentar|nachricht|texte|commentaire|answer|opinion|remarks?|reason for score)( .*)?",
        "words",
        0.8,
    ),
    (
        "verbatim",
        r"(?!.*\b(type|id|count|status|category|code|date|lang\w*)$)(.* )?(comments?|verbatim|remarks?|suggestions?|could (we|be)|do better|tell us|anything else)( .*)?",
        "text",
        0.75,
    ),
    (
        "subject",
        r"(.* )?(subject|summary|title|short description|betreff|assunto|asunto|sujet|oggetto|ticket name)",
        "text",
        0.8,
    ),
    ("order id", rf"({_ORDERS})( ?({_ID}))?|(id|number)? ?({_ORDERS})", "id", 0.85),
    ("ticket id", rf"({_TICKETS})( ?({_ID}))?|(id|number) ?({_TICKETS})", "id", 0.85),
    ("review id", rf"(review|response|answer|survey response)( ({_ID}))", "id", 0.85),
    ("item id", r"(.* )?(order )?(item|line|position)( (id|no|number))", "id whole", 0.8),
    ("reply", r"(.* )?(in (reply|response) to( .*)?|(reply|replied) to (.* )?id)", "id", 0.85),
    ("id", rf"({_ID}|index|row)( number)?|(tweet|post|message|comment) ({_ID})", "id", 0.6),
    (
        "quantity",
        r"(line ?item |item |order )?(quantity|qty|units|menge|anzahl|quantidade|cantidad|quantite|n cds|items|count)",
        "number",
        0.85,
    ),
    (
        "freight",
        r"(.* )?(freight|shipping|versand|frete|envio|livraison|delivery fee|delivery cost)( (value|cost|amount|fee))?",
        "number",
        0.85,
    ),
    ("refunded", r"(.* )?(refund\w*|erstattet|reembols\w*|rembours\w*)( amount| value)?", "number", 0.85),
    (
        "amount",
        r"(.* )?(amount|total|revenue|price|value|betrag|preis|umsatz|valor|preco|precio|importe|montant|prix|prezzo|importo|dollar value|sales|mrr|spend|paid)( .{0,6})?",
        "number",
        0.8,
    ),
    ("currency", r"(.* )?(currency|wahrung|moeda|moneda|devise|valuta)( code)?", "text", 0.95),
    (
        "product",
        r"(.* )?(product|sku|item|article|artikel|produkt|produto|producto|produit|prodotto)( (name|id|title|code|no))?",
        "text id",
        0.8,
    ),
    ("category", r"(.* )?(category|kategorie|categoria|categorie|department|genre)( name)?( english)?", "text", 0.8),
    (
        "subcategory",
        r"(.* )?(subcategory|sub category|issue type|issue|type of issue|symptom|reason code|topic|theme|(negative ?|complaint )?reason)",
        "text",
        0.75,
    ),
    (
        "seller",
        r"(.* )?(seller|shop|store|vendor|merchant|partner|verkaufer|filiale|loja|tienda|vendedor|boutique|branch)( (id|name|code))?",
        "text id",
        0.8,
    ),
    ("status", r"(.* )?(status|stand|situacao|stato|phase)", "text", 0.85),
    ("status", r"((incident|ticket|case|conversation|order|request|issue|current) )?(state|estado|etat)", "text", 0.6),
    ("priority", r"(.* )?(priority|severity|prioritat|prioridade|prioridad|priorite|urgency)", "text whole", 0.9),
    ("channel", r"(.* )?(channel|via|source|medium|contact type|kanal|canal|origin)", "text", 0.75),
    (
        "agent",
        r"(.* )?(agent|assignee|assigned to|owner|handled by|bearbeiter|atendente|agente|assignment group|ticket owner|rep)( (id|name))?",
        "text id",
        0.75,
    ),
    ("reopened", r"(.* )?(reopen\w*)( count)?", "number", 0.9),
    ("handovers", r"(.* )?(reassign\w*|handovers?|transfers?|stations)( count)?", "number", 0.85),
    ("plan", r"(.* )?(plan|tier|subscription type|package|tarif|plano)( name| id)?", "text", 0.85),
    (
        "subscription id",
        r"(subscription|contract|abo|vertrag|assinatura|suscripcion|abonnement)( (id|no|number|key))?",
        "id",
        0.9,
    ),
    (
        "reason",
        r"reason|(.* )?(cancel\w*|churn|end|exit|leaving|kundigungs?|storno) ?(reason|grund|motivo|why)",
        "text words",
        0.7,
    ),
    (
        "billing",
        r"(billing |payment )?(interval|cycle|frequency|recurrence)|billing (period|term)|zahlweise|abrechnung",
        "text",
        0.85,
    ),
    ("change", r"(change|change type|subscription event)", "text", 0.7),
    (
        "event",
        r"(event|action|activity|event name|event type|event action|interaction|aktion|evento|evenement|activity type|concept name)",
        "text",
        0.85,
    ),
    ("error", r"(error|error message|error code|exception|fehler|erro)", "text", 0.8),
    ("sender role", r"(role|direction|sender type|author type|message author type|from type)", "text", 0.8),
    ("turn", r"(turn|sequence|seq|position|message no)", "number", 0.7),
    (
        "due",
        r"(.* )?(estimated|promised|due|deadline|expected|eta|target|sla|liefertermin|previst\w*|scheduled|made until|estimada)( .*)?",
        "time",
        0.85,
    ),
    (
        "kept",
        r"(.*? )?(delivered( customer)?|fulfilled|arrived|received|completed|delivery|entregue|entregado|livre|geliefert)( (at|on|date|time|timestamp|customer date))*",
        "time",
        0.75,
    ),
    (
        "updated",
        r"(.* )?(updated|modified|changed|last activity|sys updated|geandert|atualizado|actualizado)( .*)?",
        "time",
        0.85,
    ),
    ("solved", r"(.* )?(solved|resolved|closed|resolution|gelost|resolvido|resuelto|close)( .*)?", "time", 0.85),
    ("answered", r"(.* )?(first (reply|response|answer\w*|replied)|answered)( .*)?", "time", 0.85),
    ("asked", r"(.* )?(asked|sent|invited|survey (sent|delivered)|start)( .*)?", "time", 0.5),
    ("ended", r"(.* )?(end|ended|cancel\w*|churn\w*|expir\w*|terminated|until|kundigung)( .*)?", "time", 0.75),
    (
        "created",
        r"(.* )?(created|opened|order(ed)?|purchased?|placed|submitted|submit|occurred|happened|event time|timestamp|started|reported|purchase timestamp|eroffnet|criado|creado|cree|data pedido|sent)( .*)?",
        "time",
        0.85,
    ),
    (
        "created",
        r"(start|started|begin\w*|since|seit|beginn|signup|sign up|joined|registered|inicio|debut)( (at|on|date))?",
        "time",
        0.6,
    ),
    (
        "created",
        r"(date|time|datetime|datum|data|fecha|timestamp|ts|when|day|(.* )(date|time|at|on|datum|timestamp))",
        "time",
        0.65,
    ),
)
_COMPILED = tuple((role, re.compile(pattern), holds, sure) for role, pattern, holds, sure in _RULES)


def roles(column: Column) -> list[Role]:
    """What the column may be, likeliest first; each role once."""
    found = _by_name(plain(column.name), column)
    if not found:  # of requester.name in JSON the whole name tells more than its end
        found = _by_name(plain(column.name.rpartition(".")[2]), column)
    if column.holds == "email" and "email" not in found:
        found["email"] = Role(role="email", confidence=0.9, why="its values are mail addresses")
    if column.holds == "time" and not found:
        found["created"] = Role(role="created", confidence=0.4, why="it holds times")
    if not found and is_words(column):
        found["verbatim"] = Role(role="verbatim", confidence=0.5, why="it holds sentences")
    return sorted(found.values(), key=lambda r: -r.confidence)


def _by_name(name: str, column: Column) -> dict[str, Role]:
    found: dict[str, Role] = {}
    for role, pattern, holds, sure in _COMPILED:
        if role not in found and pattern.fullmatch(name) and _holds(column, holds, role):
            why = f"its name, {column.name}, and {_told(column)}"
            found[role] = Role(role=role, confidence=sure, why=why)
    return found


def _told(column: Column) -> str:
    what = {
        "whole": "whole numbers",
        "number": "numbers",
        "time": "times",
        "text": "text",
        "truth": "yes or no",
        "email": "mail addresses",
        "url": "links",
        "empty": "nothing",
    }
    if column.low is not None and column.high is not None:
        return f"numbers from {column.low:g} to {column.high:g}"
    return what[column.holds]


def _holds(column: Column, wanted: str, role: str) -> bool:
    tests = {
        "id": lambda: is_id(column),
        "text": lambda: column.holds in {"text", "truth", "email"} and not is_words(column),
        "words": lambda: column.holds == "text" and column.length > 8 and column.distinct > 3,
        "number": lambda: column.holds in {"whole", "number"},
        "whole": lambda: column.holds == "whole",
        "time": lambda: column.holds == "time",
        "email": lambda: column.holds == "email",
        "score": lambda: is_score(column),
    }
    if role == "subject" and column.holds == "text":
        return column.length < 120
    return any(tests[want]() for want in wanted.split())


def is_id(column: Column) -> bool:
    """Whether its values could be ids."""
    whole = column.holds == "number" and all(
        e.endswith(".0") for e in column.examples
    )  # as pandas writes ids with gaps
    return (column.holds in {"text", "whole", "email"} or whole) and column.length <= 64 and not is_words(column)


def is_words(column: Column) -> bool:
    """Whether its values are sentences rather than names or codes."""
    spaces = sum(example.count(" ") >= 2 for example in column.examples)
    return column.holds == "text" and column.length > 14 and spaces * 2 >= len(column.examples) and column.distinct > 3


def is_score(column: Column) -> bool:
    """Whether its values lie on a scale people are asked to answer on."""
    if column.holds not in {"whole", "number"} or column.low is None or column.high is None:
        return False
    return column.low >= 0 and column.high <= 10 and column.distinct <= 21 and column.high > 1


def scale_of(column: Column, metric: str) -> tuple[float, float]:
    """The scale a column of scores is on, as far as its values tell."""
    low, high = column.low or 0.0, column.high or 0.0
    if metric == "nps":
        return (0, 10)
    top = 5 if high <= 5 else 7 if high <= 7 else 10
    return (0 if low < 1 else 1, top)
