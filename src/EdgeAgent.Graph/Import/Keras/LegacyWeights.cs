using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>
/// Weights of an .h5 model (Keras 1 and 2): a group for each layer, with a list of the names of its weights. The layers of a
/// nested model share the group of the model and are told apart by the names.
/// </summary>
internal sealed class LegacyWeights(Hdf5Reader file, string root, string? nestedIn = null) : IKerasWeights
{
    /// <summary>Names tell these layers apart.</summary>
    public int[] Orders(IReadOnlyList<KerasLayer> layers) => new int[layers.Count];

    public IKerasWeights Nested(KerasLayer layer, int order) => nestedIn is null ? new LegacyWeights(file, root, layer.Name) : this;

    public IReadOnlyList<(string Name, Func<Tensor> Read)> Of(KerasLayer layer, int order)
    {
        var group = Join(root, nestedIn ?? layer.Name);
        if (!file.Exists(group))
            return [];
        var names = file.Texts(group, "weight_names") ?? [];
        if (nestedIn is not null)
            // "lstm/lstm_cell/kernel:0": a layer may have others inside.
            names = [.. names.Where(n => n.Split('/') is [.. var owners, _] && owners.Contains(layer.Name))];
        return [.. names.Select(name => (Role(name), (Func<Tensor>)(() => file.Weight(Join(group, name)))))];
    }

    /// <summary>"conv2d/kernel:0" is a kernel, and so is Keras 1's "convolution2d_1_W:0".</summary>
    private static string Role(string name)
    {
        var last = name[(name.LastIndexOf('/') + 1)..];
        last = last.LastIndexOf(':') is > 0 and var colon ? last[..colon] : last;
        foreach (var (old, recent) in new[] { ("_W", "kernel"), ("_b", "bias"), ("_gamma", "gamma"), ("_beta", "beta"), ("_running_mean", "moving_mean"), ("_running_std", "moving_variance") })
            if (last.EndsWith(old, StringComparison.Ordinal))
                return recent;
        return last;
    }

    private static string Join(string group, string name) => group.Length == 0 ? name : $"{group}/{name}";
}
