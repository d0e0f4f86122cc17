"""All settings, from the environment. Durations end in ``_SECONDS``; secrets have no default outside DEBUG."""

from __future__ import annotations

import secrets
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from portal.proxies import networks
from portal.unfold import UNFOLD as THEME

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DEBUG = env.bool("DEBUG", default=False)
# A process without a SECRET_KEY gets one of its own: commands and tests work, sessions of two processes do not mix.
SECRET_KEY_IS_GIVEN = bool(env.str("SECRET_KEY", default=""))
SECRET_KEY = env.str("SECRET_KEY", default="") or secrets.token_urlsafe(50)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
PUBLIC_URL = env.str("WEIR_PUBLIC_URL", default="http://127.0.0.1:8000")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# Addresses or networks of the proxies in front of Weir: X-Forwarded-For is believed as far as they reach, and no further.
TRUSTED_PROXIES = networks(env.list("WEIR_TRUSTED_PROXIES", default=[]))
LAB = env.bool("WEIR_LAB", default=False)

INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "releases",
    "services",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_standardized_errors",
    "django_vite",
    "csp",
]
MIDDLEWARE = [
    "portal.middleware.ClientAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
ASGI_APPLICATION = "portal.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "portal" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
            ],
        },
    }
]

# Web, worker and beat write at once: SQLite must take the write lock when a transaction begins, since a deferred one that
# is upgraded fails with "database is locked" in spite of the time-out. Recursive triggers keep INSERT OR REPLACE from
# going round the append-only triggers. Legacy renaming lets a migration rebuild a table that another table's trigger reads;
# a table that is rebuilt loses its own triggers, which its migration sets again.
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'weir.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA recursive_triggers=ON; PRAGMA legacy_alter_table=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "weir",
    }
}

AUTH_USER_MODEL = "releases.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Failed log-ins over ten minutes: of one address for one name, and of one address for all names.
LOG_IN_TRIES_PER_NAME = env.int("WEIR_LOG_IN_TRIES_PER_NAME", default=5)
LOG_IN_TRIES_PER_ADDRESS = env.int("WEIR_LOG_IN_TRIES_PER_ADDRESS", default=30)
REAUTHENTICATE_AFTER_SECONDS = env.int("WEIR_REAUTHENTICATE_AFTER_SECONDS", default=900)
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True

# Cookies are named after the port, since two portals on one host would otherwise sign each other's users out.
_secure = PUBLIC_URL.startswith("https://")
_port = PUBLIC_URL.rsplit(":", 1)[-1].strip("/")
_suffix = f"_{_port}" if _port.isdigit() else ""
SESSION_COOKIE_NAME = f"weir_session{_suffix}"
CSRF_COOKIE_NAME = f"weir_csrf{_suffix}"
LANGUAGE_COOKIE_NAME = "weir_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SECURE_SSL_REDIRECT = _secure and env.bool("WEIR_SSL_REDIRECT", default=True)
# Who says WEIR_SSL_REDIRECT=false has a proxy that redirects.
SILENCED_SYSTEM_CHECKS = [] if SECURE_SSL_REDIRECT else ["security.W008"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _secure
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _secure else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
_form_targets = [SELF]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": _form_targets,
        "frame-ancestors": [NONE],
    }
}

# Single sign-on by OpenID Connect, switched on by naming the provider. Who comes in gets an account without a role; roles
# are given in Weir. WEIR_OIDC_ISSUER is read for the addresses when they are not set one by one.
OIDC_ENABLED = bool(env.str("WEIR_OIDC_CLIENT_ID", default=""))
if OIDC_ENABLED:
    _issuer = env.str("WEIR_OIDC_ISSUER", default="").rstrip("/")
    OIDC_RP_CLIENT_ID = env.str("WEIR_OIDC_CLIENT_ID")
    OIDC_RP_CLIENT_SECRET = env.str("WEIR_OIDC_CLIENT_SECRET")
    OIDC_OP_AUTHORIZATION_ENDPOINT = env.str(
        "WEIR_OIDC_AUTHORIZATION_URL", default=f"{_issuer}/oauth2/authorize"
    )
    OIDC_OP_TOKEN_ENDPOINT = env.str("WEIR_OIDC_TOKEN_URL", default=f"{_issuer}/oauth2/token")
    OIDC_OP_USER_ENDPOINT = env.str("WEIR_OIDC_USERINFO_URL", default=f"{_issuer}/userinfo")
    OIDC_OP_JWKS_ENDPOINT = env.str("WEIR_OIDC_JWKS_URL", default=f"{_issuer}/jwks")
    OIDC_RP_SIGN_ALGO = env.str("WEIR_OIDC_SIGN_ALGORITHM", default="RS256")
    OIDC_RP_SCOPES = env.str("WEIR_OIDC_SCOPES", default="openid profile email")
    OIDC_USERNAME_CLAIM = env.str("WEIR_OIDC_USERNAME_CLAIM", default="sub")
    OIDC_USE_PKCE = True
    OIDC_PKCE_CODE_CHALLENGE_METHOD = "S256"
    OIDC_AUTH_REQUEST_EXTRA_PARAMS = {
        "max_age": "0"
    }  # asked again before a production decision, so always asked
    OIDC_TIMEOUT = 5
    OIDC_VERIFY_KID = env.bool("WEIR_OIDC_VERIFY_KID", default=True)
    INSTALLED_APPS += ["mozilla_django_oidc"]
    AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "releases.oidc.PersonBackend"]
    _form_targets.append(_issuer)

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "portal" / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Shanghai")
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = env.path("WEIR_STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [path for path in [BASE_DIR / "frontend" / "dist"] if path.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}
DJANGO_VITE = {
    "default": {
        "dev_mode": False,
        "manifest_path": BASE_DIR / "frontend" / "dist" / "manifest.json",
        "static_url_prefix": "",
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "releases.api.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_standardized_errors.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "releases.api.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # ?format= belongs to the export of the audit trail
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Weir",
    "DESCRIPTION": "Progressive releases on Kubernetes with Istio.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "RolloutState": "releases.models.rollout.STATE_LABELS",
        "ReviewOutcome": "releases.models.standard.EmergencyRelease.Outcome",
        "ProposalState": "releases.models.proposal.Proposal.State",
        "TrafficChangeState": "releases.models.traffic_change.CHANGE_STATE_LABELS",
        "TrainState": "releases.api.trains.STATES",
        "TrainOrder": "releases.api.trains.ORDERS",
    },
}

PULSE_SECONDS = env.float("WEIR_PULSE_SECONDS", default=1.0)
LEASE_SECONDS = env.float("WEIR_LEASE_SECONDS", default=30.0)
MESH_TIMEOUT_SECONDS = env.float("WEIR_MESH_TIMEOUT_SECONDS", default=5.0)
TELEMETRY_TIMEOUT_SECONDS = env.float("WEIR_TELEMETRY_TIMEOUT_SECONDS", default=5.0)
APPROVAL_VALID_SECONDS = env.int("WEIR_APPROVAL_VALID_SECONDS", default=72 * 3600)
# A rollout with a start time may begin this long after it; then its request or approval ends.
START_WINDOW_SECONDS = env.int("WEIR_START_WINDOW_SECONDS", default=4 * 3600)
# A step that came due while nobody looked is taken up to this late; beyond it the rollout holds for a person.
STEP_GRACE_SECONDS = env.int("WEIR_STEP_GRACE_SECONDS", default=3600)
# So long the door that was asked to roll back tries the write itself, before it leaves it to the worker.
ROLLBACK_DOOR_SECONDS = env.float("WEIR_ROLLBACK_DOOR_SECONDS", default=3.0)

# A signed head of the audit trail is written after this many events or seconds, whichever comes first, to a file (a
# mount the database's owner cannot write) and to a webhook. The key is the base64 of 32 random bytes (Ed25519).
AUDIT_SIGNING_KEY = env.str("WEIR_AUDIT_SIGNING_KEY", default="")
AUDIT_PUBLIC_KEY = env.str("WEIR_AUDIT_PUBLIC_KEY", default="")
AUDIT_HEADS_FILE = env.str("WEIR_AUDIT_HEADS_FILE", default="")
AUDIT_HEADS_URL = env.str("WEIR_AUDIT_HEADS_URL", default="")
AUDIT_HEAD_EVERY_EVENTS = env.int("WEIR_AUDIT_HEAD_EVERY_EVENTS", default=100)
AUDIT_HEAD_EVERY_SECONDS = env.int("WEIR_AUDIT_HEAD_EVERY_SECONDS", default=300)
# The worker reads what is new of the trail every minute, and the whole trail after so long.
AUDIT_READ_WHOLE_SECONDS = env.int("WEIR_AUDIT_READ_WHOLE_SECONDS", default=24 * 3600)
AUDIT_ARCHIVE_FOLDER = env.str("WEIR_AUDIT_ARCHIVE_FOLDER", default="")
AUDIT_KEPT_DAYS = max(env.int("WEIR_AUDIT_KEPT_DAYS", default=3 * 365), 180)
# Figures of a release are kept as measured this long after its end, then by minutes, then by hours; what the verdicts used
# stays for good. A run of the worker takes up to so many rows, once a minute.
SNAPSHOTS_RAW_SECONDS = env.int("WEIR_SNAPSHOTS_RAW_SECONDS", default=14 * 24 * 3600)
SNAPSHOTS_MINUTES_SECONDS = max(
    env.int("WEIR_SNAPSHOTS_MINUTES_SECONDS", default=90 * 24 * 3600), SNAPSHOTS_RAW_SECONDS
)
SNAPSHOTS_THINNED_PER_RUN = env.int("WEIR_SNAPSHOTS_THINNED_PER_RUN", default=20_000)
# Mail goes where WEIR_EMAIL_URL says (smtp+tls://user:password@host:587); without it, it is written to the log.
_mail = env.email_url("WEIR_EMAIL_URL", default="consolemail://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _mail.get("EMAIL_HOST") or "localhost", _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("WEIR_EMAIL_FROM", default="weir@localhost")
NOTIFICATION_TIMEOUT_SECONDS = env.float("WEIR_NOTIFICATION_TIMEOUT_SECONDS", default=5.0)

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {
    "releases.tasks.roll_back_rollout": {"queue": "rollback"},
    "releases.tasks.finish_traffic_change": {"queue": "rollback"},
}
CELERY_TASK_ACKS_LATE = (
    False  # the row is the queue: a message lost with its worker comes again with the next pulse
)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "health_check_interval": 10,
    "queue_order_strategy": "priority",  # a worker takes the queues in the order in which it names them: rollback first
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "notify": {"task": "releases.tasks.send_notifications", "schedule": 3.0, "options": {"expires": 10}},
    "keep_heads": {"task": "releases.tasks.keep_heads", "schedule": 10.0, "options": {"expires": 30}},
    "pulse": {
        "task": "releases.tasks.pulse",
        "schedule": PULSE_SECONDS,
        "options": {"expires": max(PULSE_SECONDS * 2, 5)},
    },
    "ask_parts": {"task": "releases.tasks.ask_parts", "schedule": 5.0, "options": {"expires": 5}},
    "read_chain": {"task": "releases.tasks.read_chain", "schedule": 10.0, "options": {"expires": 10}},
    "raw_changes": {
        "task": "releases.tasks.record_raw_changes",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "rehearsals": {
        "task": "releases.tasks.take_rehearsals",
        "schedule": max(PULSE_SECONDS * 2, 2),
        "options": {"expires": 5},
    },
    "thin_snapshots": {
        "task": "releases.tasks.thin_snapshots",
        "schedule": 60.0,
        "options": {"expires": 50},
    },
    "finish_traffic_changes": {
        "task": "releases.tasks.finish_traffic_changes",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
}

UNFOLD = THEME
