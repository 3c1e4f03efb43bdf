#!/bin/sh
# Run once by the postgres image, on an empty volume: makes the login of the service, which may do only what
# the role gagyebu_service may. The owner's password never reaches the service.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
\getenv password GAGYEBU_DATABASE_PASSWORD
CREATE ROLE gagyebu_service NOLOGIN;
CREATE ROLE gagyebu_app LOGIN PASSWORD :'password' IN ROLE gagyebu_service;
SQL
