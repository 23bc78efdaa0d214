"""The training recipe of Sotto's embedded English recogniser."""
