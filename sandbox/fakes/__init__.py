"""What the fakes of Azure and Google Cloud share: what they remember, and how they are asked."""
