using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Devices;

/// <summary>Where a figure of a profile comes from.</summary>
[JsonConverter(typeof(KebabCaseEnumConverter<FigureSource>))]
public enum FigureSource
{
    /// <summary>Measured on the board, or published as a measurement of it.</summary>
    Measured,

    /// <summary>Stated by the maker.</summary>
    Datasheet,

    /// <summary>General knowledge; to be replaced by a measurement.</summary>
    Assumed,
}

/// <summary>A number that says how far it can be trusted. The unit is in the name of the property that holds it.</summary>
public readonly record struct Figure(double Value, FigureSource Source);
