// The tables. Migrations are only ever appended: a released script never changes.
#pragma once

#include "control/store/database.h"

namespace weir {

const Schema& main_schema();   // database.sqlite3, or PostgreSQL
const Schema& vault_schema();  // a vault's own file: secrets only

}  // namespace weir
