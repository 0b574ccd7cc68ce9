"""What official clients ask for beside sending, answered so that they work and do not ask again and again.

Feature flags, session recordings, experiments and the like are answered as a project that has none.
"""

from __future__ import annotations

import re
from json import dumps
from typing import Any

_HOST = re.compile(r"^[A-Za-z0-9._:\[\]-]{1,255}$")


def segment_settings(key: str, *, host: str, scheme: str) -> dict[str, Any]:
    """What Segment's browser client is told of the project: to send here, and nowhere else."""
    here = host if _HOST.match(host) else "127.0.0.1"
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": key, "apiHost": f"{here}/v1", "protocol": "https" if scheme == "https" else "http",
                "unbundledIntegrations": [], "addBundledMetadata": True, "type": "server",
                "maybeBundledConfigIds": {}, "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}},
                 "identify": {"__default": {"enabled": True}},
                 "group": {"__default": {"enabled": True}}},
        "edgeFunction": {}, "analyticsNextEnabled": True, "middlewareSettings": {}, "enabledMiddleware": {},
        "metrics": {"sampleRate": 0}, "legacyVideoPluginsEnabled": False, "remotePlugins": [],
    }  # fmt: skip


def posthog_config(token: str) -> dict[str, Any]:
    """What PostHog's clients are told of the project: it has neither flags nor recordings nor surveys of its own."""
    return {
        "token": token, "supportedCompression": ["gzip", "gzip-js"], "hasFeatureFlags": False,
        "sessionRecording": False,
        "surveys": False, "heatmaps": False, "capturePerformance": False, "captureDeadClicks": False,
        "autocaptureExceptions": False, "errorTracking": {"autocaptureExceptions": False, "suppressionRules": []},
        "analytics": {"endpoint": "/i/v0/e/"}, "elementsChainAsString": True, "isAuthenticated": False,
        "toolbarParams": {}, "siteApps": [], "productTours": False,
        "conversations": False, "logs": {"captureConsoleLogs": False},
        "defaultIdentifiedOnly": True, "autocapture_opt_out": False, "config": {"enable_collect_everything": True},
    }  # fmt: skip


def posthog_flags(token: str) -> dict[str, Any]:
    """The flags of a project without any, with its configuration, as ``/flags`` and ``/decide`` give them."""
    return {
        **posthog_config(token), "flags": {}, "featureFlags": {}, "featureFlagPayloads": {},
        "errorsWhileComputingFlags": False, "quotaLimited": [], "requestId": "none", "evaluatedAt": 0,
    }  # fmt: skip


EMPTY: dict[str, dict[str, Any]] = {
    "/api/surveys": {"surveys": [], "survey_config": None},
    "/api/feature_flag/local_evaluation": {"flags": [], "group_type_mapping": {}, "cohorts": {}},
    "/flags/definitions": {"flags": [], "group_type_mapping": {}, "cohorts": {}},
    "/api/early_access_features": {"earlyAccessFeatures": []},
    "/api/web_experiments": {"experiments": []},
    "/api/product_tours": {"product_tours": []},
    "/v1/m": {"success": True},
}
"""Addresses answered alike to everybody, without a slash at the end."""


def config_script(token: str) -> bytes:
    """The configuration as the script PostHog's browser client loads."""
    said = dumps({"config": posthog_config(token), "siteApps": []}).replace("<", "\\u003c")
    name = dumps(token).replace("<", "\\u003c")
    told = "window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{};"
    return f"(function(){{{told}window._POSTHOG_REMOTE_CONFIG[{name}]={said};}})();".encode()
