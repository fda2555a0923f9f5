"""Pictures of a world: `scene` turns state into shapes, the other modules draw them."""
