# PostgreSQL's own programs, of the server's version, and age.
FROM postgres:18
RUN apt-get update && apt-get install -y --no-install-recommends age && rm -rf /var/lib/apt/lists/*
COPY deploy/backup.sh deploy/restore.sh /usr/local/bin/
# The volumes take their owner from these folders.
RUN install -d -o postgres -g postgres -m 700 /backups /var/lib/souk-backup
USER postgres
ENTRYPOINT []
CMD ["backup.sh", "run"]
