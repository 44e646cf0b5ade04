namespace EdgeAgent.Graph.Import.ChannelsLast;

/// <summary>
/// A value of a channels-last model where the IR keeps it: as it is in the model, or planar, i.e. with the channels (the
/// model's last axis) moved to axis 1.
/// </summary>
internal readonly record struct Laid(string Name, bool Planar = false);
