/* The network in halves (float16), for processors that compute in them, twice as many at a time: all that knows what its
 * values are made of, once more, under names of its own. */

#define SINET_HALF
#define SINET_ISA half

#define model_size half_model_size
#define model_build half_model_build
#define workspace_size half_workspace_size
#define workspace_prepare half_workspace_prepare
#define pooled_map half_pooled_map
#define small_map half_small_map
#define module_output half_module_output
#define depthwise_any half_depthwise_any
#define pool_any half_pool_any
#define clear_values half_clear_values
#define run_dense half_run_dense

#include "kernels.c"
#include "model.c"
#include "rare.c"
#include "workspace.c"
