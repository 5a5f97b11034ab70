#pragma once
// Inline shims of what Swift cannot call or express itself; one header per user.
#include "handover.h"
#include "lines.h"
#include "memory.h"
#include "pieces.h"
#include "pipes.h"
#include "reactor.h"
#include "scan.h"
