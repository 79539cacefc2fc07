//! The layers of Keras: one function each, a family per file.

mod activation;
mod attention;
mod convolution;
mod dense;
mod merging;
mod normalization;
mod pooling;
mod recurrent;
mod resizing;
mod shaping;

use super::call::{Call, Emitted};

type Emit = fn(&mut Call<'_>) -> Emitted;

/// Every class that is carried, with its function.
pub(super) const CLASSES: &[(&str, Emit)] = &[
    ("Activation", activation::activation),
    ("ActivityRegularization", shaping::pass),
    ("Add", merging::add),
    ("AlphaDropout", shaping::pass),
    ("Average", merging::average),
    ("AveragePooling1D", pooling::average),
    ("AveragePooling2D", pooling::average),
    ("BatchNormalization", normalization::batch),
    ("Bidirectional", recurrent::bidirectional),
    ("Concatenate", merging::concatenate),
    ("Conv1D", convolution::convolution),
    ("Conv2D", convolution::convolution),
    ("Conv2DTranspose", convolution::transposed),
    ("Cropping1D", resizing::cropping),
    ("Cropping2D", resizing::cropping),
    ("Dense", dense::dense),
    ("DepthwiseConv1D", convolution::depthwise),
    ("DepthwiseConv2D", convolution::depthwise),
    ("Dropout", shaping::pass),
    ("ELU", activation::elu),
    ("Embedding", dense::embedding),
    ("Flatten", shaping::flatten),
    ("GRU", recurrent::gru),
    ("GaussianDropout", shaping::pass),
    ("GaussianNoise", shaping::pass),
    ("GlobalAveragePooling1D", pooling::global_average),
    ("GlobalAveragePooling2D", pooling::global_average),
    ("GlobalMaxPooling1D", pooling::global_max),
    ("GlobalMaxPooling2D", pooling::global_max),
    ("Identity", shaping::pass),
    ("InputLayer", shaping::pass),
    ("LSTM", recurrent::lstm),
    ("LayerNormalization", normalization::layer),
    ("LeakyReLU", activation::leaky_relu),
    ("MaxPooling1D", pooling::max),
    ("MaxPooling2D", pooling::max),
    ("Maximum", merging::maximum),
    ("Minimum", merging::minimum),
    ("MultiHeadAttention", attention::multi_head),
    ("Multiply", merging::multiply),
    ("Normalization", normalization::features),
    ("PReLU", activation::prelu),
    ("Permute", shaping::permute),
    ("ReLU", activation::relu),
    ("RepeatVector", shaping::repeat_vector),
    ("Rescaling", normalization::rescaling),
    ("Reshape", shaping::reshape),
    ("SeparableConv1D", convolution::separable),
    ("SeparableConv2D", convolution::separable),
    ("SimpleRNN", recurrent::simple),
    ("Softmax", activation::softmax),
    ("SpatialDropout1D", shaping::pass),
    ("SpatialDropout2D", shaping::pass),
    ("Subtract", merging::subtract),
    ("TimeDistributed", dense::time_distributed),
    ("UpSampling1D", resizing::up_sampling),
    ("UpSampling2D", resizing::up_sampling),
    ("ZeroPadding1D", resizing::zero_padding),
    ("ZeroPadding2D", resizing::zero_padding),
];

/// The function of a class.
pub(super) fn find(class: &str) -> Option<Emit> {
    CLASSES.binary_search_by_key(&class, |(known, _)| known).ok().map(|at| CLASSES[at].1)
}

#[cfg(test)]
mod tests {
    use super::CLASSES;

    #[test]
    fn the_table_is_sorted() {
        assert!(CLASSES.is_sorted_by_key(|(class, _)| *class));
    }
}
