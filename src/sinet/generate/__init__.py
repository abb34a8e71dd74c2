"""New labelled portraits from what there is: crops, pseudo-labels, composites, and a person's word on them."""
