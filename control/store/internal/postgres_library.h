// libpq, loaded when the first PostgreSQL database is opened: a process without one neither maps it
// nor needs it installed.
#pragma once

#include <libpq-fe.h>

#include "base/result.h"

namespace weir {

#define WEIR_LIBPQ_CALLS(CALL)    \
  CALL(PQconnectStartParams)      \
  CALL(PQconnectPoll)             \
  CALL(PQconnectionNeedsPassword) \
  CALL(PQfinish)                  \
  CALL(PQstatus)                  \
  CALL(PQsocket)                  \
  CALL(PQerrorMessage)            \
  CALL(PQsetErrorVerbosity)       \
  CALL(PQsetNoticeProcessor)      \
  CALL(PQparameterStatus)         \
  CALL(PQsendQuery)               \
  CALL(PQsendQueryParams)         \
  CALL(PQconsumeInput)            \
  CALL(PQisBusy)                  \
  CALL(PQgetResult)               \
  CALL(PQclear)                   \
  CALL(PQresultStatus)            \
  CALL(PQresultErrorField)        \
  CALL(PQcmdStatus)               \
  CALL(PQcmdTuples)               \
  CALL(PQntuples)                 \
  CALL(PQnfields)                 \
  CALL(PQftype)                   \
  CALL(PQgetvalue)                \
  CALL(PQgetlength)               \
  CALL(PQgetisnull)

struct PostgresLibrary {
#define WEIR_LIBPQ_MEMBER(name) decltype(&::name) name = nullptr;
  WEIR_LIBPQ_CALLS(WEIR_LIBPQ_MEMBER)
#undef WEIR_LIBPQ_MEMBER

  // kUnsupported: it is not installed. Once loaded it stays.
  static Result<const PostgresLibrary*> load();
};

}  // namespace weir
