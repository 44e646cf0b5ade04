using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.Contracts.Costs;

[JsonConverter(typeof(KebabCaseEnumConverter<CostSource>))]
public enum CostSource
{
    /// <summary>Computed from the profile's figures, published latencies and, where devices measured them, the peaks of their cores.</summary>
    Published,

    /// <summary>Fitted to reports of devices.</summary>
    Fitted,
}

/// <summary>Predicts the latency of a model on a profile: a sum of terms with one coefficient each, all non-negative.</summary>
public sealed record CostModel
{
    public int Schema { get; init; } = 1;

    /// <summary>Id of the profile.</summary>
    public required string Profile { get; init; }

    public required EngineKind Engine { get; init; }

    /// <summary>int8 or float32.</summary>
    public required string Precision { get; init; }

    public required int Threads { get; init; }

    /// <summary>Kernels that were measured; null where the coefficients do not come from measurements of one kernel set.</summary>
    public string? KernelSet { get; init; }

    /// <summary>Microseconds per unit of each <see cref="CostTerm"/>, in its order.</summary>
    public required IReadOnlyList<double> UsPerUnit { get; init; }

    /// <summary>Power of the board with this many threads busy, in watts: energy = latency x power.</summary>
    public required double ActiveW { get; init; }

    public required CostSource Source { get; init; }

    /// <summary>Number of different models in the fit.</summary>
    public int Samples { get; init; }

    /// <summary>Devices whose measured peaks the starting values rest on; 0 where they are the profile's figures.</summary>
    public int Rooflines { get; init; }

    /// <summary>Median of |predicted - measured| / measured, each predicted by a fit without it; null before three samples.</summary>
    public double? MedianError { get; init; }

    /// <summary>Latency of one inference in microseconds.</summary>
    public double PredictUs(IReadOnlyList<OperatorCost> operators) => PredictUs(CostFeatures.Of(operators));

    /// <param name="features">As <see cref="CostFeatures.Of"/> makes them.</param>
    public double PredictUs(ReadOnlySpan<double> features)
    {
        double sum = 0;
        for (var i = 0; i < features.Length; i++)
            sum += features[i] * UsPerUnit[i];
        return sum;
    }

    /// <summary>Estimated energy of one inference in millijoules for a latency in microseconds.</summary>
    public double EstimateMj(double latencyUs) => latencyUs * ActiveW / 1000;
}
