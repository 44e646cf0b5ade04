using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>The weights of a layer, in the layout of the file.</summary>
internal interface IKerasWeights
{
    /// <summary>For each layer of the model the number by which its weights are asked for: it tells layers of the same class apart.</summary>
    int[] Orders(IReadOnlyList<KerasLayer> layers);

    /// <summary>Where the weights of a model nested in this one are.</summary>
    /// <param name="order">Of <see cref="Orders"/>.</param>
    IKerasWeights Nested(KerasLayer layer, int order);

    /// <summary>The weights of a layer by their names, in the order in which Keras stores them; what is stored without names has none.</summary>
    IReadOnlyList<(string Name, Func<Tensor> Read)> Of(KerasLayer layer, int order);
}
