using System.Globalization;
using System.Text.RegularExpressions;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>
/// Weights of a .keras archive (Keras 3): a group for each layer, named by its class in snake case and counted, that holds
/// its variables by number. Older Keras 3 archives and saved weights call the group by the layer's own name.
/// </summary>
internal sealed partial class StateWeights(Hdf5Reader file, string root = "") : IKerasWeights
{
    /// <summary>Where a layer's own variables are, and those of a layer or recurrent cell inside it.</summary>
    private static readonly string[] _parts = [
        "", "cell/", "layer/", "layer/cell/", "forward_layer/cell/", "backward_layer/cell/",
        // Attention's projections, in the order of its weights; older versions have an underscore in front.
        "query_dense/", "_query_dense/", "key_dense/", "_key_dense/", "value_dense/", "_value_dense/", "output_dense/", "_output_dense/",
    ];

    public IKerasWeights Nested(KerasLayer layer, int order) => new StateWeights(file, Group(layer, order) + (layer.Class == "TimeDistributed" ? "/layer/" : "/"));

    public IReadOnlyList<(string Name, Func<Tensor> Read)> Of(KerasLayer layer, int order)
    {
        var group = Group(layer, order);
        return [.. _parts.SelectMany(part => Variables($"{group}/{part}vars"))];
    }

    private IEnumerable<(string Name, Func<Tensor> Read)> Variables(string group) => file.Exists(group)
        ? Enumerable.Range(0, file.Children(group).Count).Select(i => ("", (Func<Tensor>)(() => file.Weight($"{group}/{i.ToString(CultureInfo.InvariantCulture)}"))))
        : [];

    private string Group(KerasLayer layer, int order)
    {
        var counted = order == 0 ? SnakeCase(layer.Class) : $"{SnakeCase(layer.Class)}_{order.ToString(CultureInfo.InvariantCulture)}";
        foreach (var container in new[] { "layers", "_layer_checkpoint_dependencies" })
            foreach (var name in new[] { counted, layer.Name })
                if (file.Exists($"{root}{container}/{name}"))
                    return $"{root}{container}/{name}";
        return $"{root}layers/{counted}";
    }

    /// <summary>Keras's rule: "SeparableConv2D" is "separable_conv2d", "PReLU" is "p_re_lu".</summary>
    private static string SnakeCase(string name) => LowerThenUpper().Replace(AnyThenWord().Replace(name, "$1_$2"), "$1_$2").ToLowerInvariant();

    [GeneratedRegex("(.)([A-Z][a-z]+)")]
    private static partial Regex AnyThenWord();

    [GeneratedRegex("([a-z])([A-Z])")]
    private static partial Regex LowerThenUpper();
}
