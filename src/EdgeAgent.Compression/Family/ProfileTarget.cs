using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Compression.Family;

/// <summary>A profile with what decides its students.</summary>
/// <param name="Int8">Predicts the quantized student's latency.</param>
/// <param name="Float32">Predicts the float student's.</param>
/// <param name="Budgets">The command line's where set, else the profile's.</param>
public sealed record ProfileTarget(DeviceProfile Profile, CostModel Int8, CostModel Float32, ProfileBudgets Budgets)
{
    public static ProfileTarget Of(DeviceProfile profile, CompressionOptions options)
    {
        var (int8, float32) = (PublishedCost.Of(profile, "int8"), PublishedCost.Of(profile, "float32"));
        if (options.CostModels.TryGetValue(profile.Id, out var fitted))
        {
            // Devices report int8; the float model keeps its published proportion to it.
            float32 = float32 with { UsPerUnit = [.. float32.UsPerUnit.Select((us, i) => int8.UsPerUnit[i] > 0 ? us * fitted.UsPerUnit[i] / int8.UsPerUnit[i] : us)] };
            int8 = fitted;
        }
        return new ProfileTarget(profile, int8, float32, options.Budgets.Over(profile.Budgets));
    }
}
