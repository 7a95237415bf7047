// TCP sockets shaped like Boost.Asio's: what works on boost::asio::ip::tcp::socket with completion
// tokens, coroutines, composed operations or Beast works on these.
#pragma once

#include "stack/api/acceptor.h"
#include "stack/api/socket.h"
#include "stack/api/stack_context.h"
